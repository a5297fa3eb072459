"""The door to the encoders of Hugging Face's transformers, from a local folder or from the hub.

The package is imported only when one is named: it costs seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from epochal.data.foreign import import_torchvision
from epochal.errors import ConfigError, Problem, RequestError
from epochal.models.encoder import output_layer
from epochal.models.inputs import text_vocabulary
from epochal.models.recurrent import pool
from epochal.optional import is_installed, missing

NAME = "transformers_encoder"

Pooled = Literal["mean", "first"]


class TransformersEncoder(nn.Module):
    """Token ids [B, L], 0 for padding at a row's end, -> [B, outputs].

    encoder: a network of transformers that gives ``last_hidden_state``. pooling: what the output layer
    reads: the mean over real tokens, or the first token ([CLS]). dropout: probability, before it.
    """

    def __init__(self, encoder: nn.Module, width: int, outputs: int, pooling: Pooled, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        self.classifier = output_layer(width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, L] -> [B, outputs]."""
        # not tokens != 0: in some vocabularies (RoBERTa's) 0 is a token that texts start with
        real = (tokens != 0).flip(1).cumsum(1).flip(1) > 0
        config: Any = self.encoder.config
        if config.pad_token_id is not None:  # some networks count places by it
            tokens = tokens.masked_fill(~real, config.pad_token_id)
        # a row without a real token would attend to nothing, which is NaN: it sees its first one
        first = torch.arange(tokens.shape[1], device=tokens.device) == 0
        states = self.encoder(input_ids=tokens, attention_mask=(real | first).long()).last_hidden_state
        vector = pool(states, real) if self.pooling == "mean" else states[:, 0]
        logits: Tensor = self.classifier(self.dropout(vector))
        return logits


def transformers_encoder(
    outputs: int,
    path: str,
    vocabulary: int | None = None,
    pretrained: bool = False,
    pooling: Pooled = "mean",
    dropout: float = 0.1,
) -> TransformersEncoder:
    """A network of transformers with an output layer, [B, L] -> [B, outputs].

    path: a folder that ``save_pretrained`` wrote, or a name on the hub. pretrained: take its weights;
        without, its architecture only, with random ones. pooling and dropout: as in TransformersEncoder.

    RequestError where the folder or the hub can't be read, ConfigError where the network knows fewer ids.
    """
    if is_installed("torchvision"):
        import_torchvision()  # transformers imports it where there is one
    from transformers import AutoConfig, AutoModel
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # of reading weights, in the middle of our own lines
    ids = text_vocabulary(NAME, vocabulary)
    folder = Path(path).expanduser()
    source = str(folder) if folder.is_dir() else path
    try:
        config = AutoConfig.from_pretrained(source)
        if pretrained:
            encoder = AutoModel.from_pretrained(source, config=config, dtype=torch.float32)
        else:
            encoder = AutoModel.from_config(config, dtype=torch.float32)
    except (OSError, ValueError) as error:  # what the hub's client and the readers of files raise
        reason = str(error).strip().splitlines()[0]
        mend = "write a folder that save_pretrained wrote, or a name that the hub has"
        raise RequestError(Problem(f"'{path}' can't be read: {reason}", "model.path", mend)) from error
    if config.is_encoder_decoder:
        encoder = encoder.get_encoder()
    if ids > config.vocab_size:
        raise ConfigError(
            Problem(
                f"the tokenizer has {ids:,} ids, the network in '{path}' knows {config.vocab_size:,}",
                where="model.path",
                mend="use the tokenizer that belongs to the network",
            )
        )
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None  # nothing reads it, so that its weights would get no gradient
    return TransformersEncoder(encoder, config.hidden_size, outputs, pooling, dropout)


def find_transformers_encoder(name: str) -> Callable[..., nn.Module] | None:
    """``transformers_encoder`` where that is the name; RequestError where transformers is missing."""
    if name != NAME:
        return None
    if not is_installed("transformers"):
        raise missing("transformers", f"'{name}'", "model")
    return transformers_encoder
