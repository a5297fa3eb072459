from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from epochal.config.component import Component
from epochal.data.foreign import import_torchvision
from epochal.errors import ConfigError, RequestError
from epochal.models import build_model, check_model, classifier_parameters
from epochal.optional import is_installed

WORDS = {"vocabulary": 40}
WORD_VECTORS = "encoder.embeddings.word_embeddings.weight"


def component(**arguments: Any) -> Component:
    return Component.model_validate({"name": "transformers_encoder", **arguments})


def test_without_the_package_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"needs transformers; pip install 'epochal\[text\]'"):
        check_model(component(path="bert-base-uncased"))


@pytest.fixture(params=["Bert", "Roberta"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A tiny network as ``save_pretrained`` writes it."""
    if is_installed("torchvision"):
        import_torchvision()  # transformers imports it where there is one
    transformers = pytest.importorskip("transformers")
    transformers.utils.logging.disable_progress_bar()
    config = getattr(transformers, f"{request.param}Config")(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=34,
    )
    getattr(transformers, f"{request.param}Model")(config).save_pretrained(tmp_path)
    return tmp_path


def build(folder: Path, **arguments: Any) -> nn.Module:
    return build_model(component(path=str(folder), **arguments), (12,), 3, seed=0, facts=WORDS)


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_a_folders_network_gets_an_output_layer_and_learns(folder: Path, pooling: str) -> None:
    from safetensors.torch import load_file

    model = build(folder, pretrained=True, pooling=pooling)
    saved = load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"]
    assert torch.equal(model.get_parameter(WORD_VECTORS), saved)
    assert classifier_parameters(model) == {"classifier.weight", "classifier.bias"}
    tokens = torch.randint(1, 40, (5, 12))
    tokens[1, 5:], tokens[2] = 0, 0
    outputs = model(tokens)
    assert outputs.shape == (5, 3)
    outputs.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    model.eval()
    torch.testing.assert_close(model(tokens[1:2, :5])[0], model(tokens)[1])  # padding changes nothing


def test_without_pretrained_the_seed_decides_the_weights(folder: Path) -> None:
    first, second = build(folder).state_dict(), build(folder).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first[WORD_VECTORS], build(folder, pretrained=True).get_parameter(WORD_VECTORS))


def test_mistakes_are_told(folder: Path) -> None:
    found = dict(check_model(component(pth="x", pooling="max", vocabulary=3)))
    assert "did you mean 'path'" in str(found["pth"])
    assert "can't be 'max'" in str(found["pooling"])
    assert "filled in" in str(found["vocabulary"])
    assert not check_model(component(path=str(folder), pretrained=True))
    with pytest.raises(ConfigError, match=r"the tokenizer has 41 ids, the network .* knows 40"):
        build_model(component(path=str(folder)), (12,), 3, seed=0, facts={"vocabulary": 41})
    with pytest.raises(ConfigError, match="takes text, these samples are none"):
        build_model(component(path=str(folder)), (12,), 3, seed=0)
    (folder / "model.safetensors").unlink()
    with pytest.raises(RequestError, match=r"model.path: .* can't be read: .*; write a folder that save_pre"):
        build(folder, pretrained=True)
