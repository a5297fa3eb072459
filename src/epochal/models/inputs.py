"""What a network takes: its sizes, read from the samples, or an error that says what fits them."""

from __future__ import annotations

from collections.abc import Sequence

from epochal.errors import ConfigError, Problem

_FITTING = {
    1: "use mlp or linear",
    2: "use rnn, tcn, series_transformer or wave_cnn",
    3: "use simple_cnn or resnet, or unet for segmentation",
}
TEXT_MODELS = "embedding_bag, text_rnn, text_transformer or transformers_encoder"
TABLE_MODELS = "mlp, tabular_resnet or ft_transformer"


def image_shape(model: str, input_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Channels, height and width of what an image model takes; ConfigError where samples are no images."""
    if len(input_shape) != 3:
        raise _unfit(model, "images C×H×W", input_shape)
    channels, height, width = input_shape
    return channels, height, width


def series_shape(model: str, input_shape: tuple[int, ...]) -> tuple[int, int]:
    """Channels and steps of what a series model takes; ConfigError where samples are no series."""
    if len(input_shape) != 2:
        raise _unfit(model, "series and waves C×T", input_shape)
    channels, steps = input_shape
    return channels, steps


def table_width(model: str, input_shape: tuple[int, ...]) -> int:
    """The number of columns of what a table model takes; ConfigError where samples are no rows."""
    if len(input_shape) != 1:
        raise _unfit(model, "rows of a table", input_shape)
    return input_shape[0]


def text_vocabulary(model: str, vocabulary: int | None) -> int:
    """The number of token ids that a text model takes; ConfigError where samples are no text."""
    if vocabulary is None:
        mend = "use another model, or a source with text"
        raise ConfigError(Problem(f"{model} takes text, these samples are none", "model", mend))
    return vocabulary


def check_sizes(model: str, **sizes: Sequence[int]) -> None:
    """ConfigError where a layer would have no units."""
    for name, values in sizes.items():
        if any(value < 1 for value in values):
            mend = "write positive whole numbers"
            raise ConfigError(Problem(f"'{name}' of {model} can't be {list(values)}", "model", mend))


def check_heads(model: str, width: int, heads: int) -> None:
    """ConfigError where attention's heads can't share the width."""
    check_sizes(model, width=[width], heads=[heads])
    if width % heads:
        what = f"'width' of {model}, {width}, can't be shared by {heads} heads"
        raise ConfigError(Problem(what, "model", "write a multiple"))


def _unfit(model: str, takes: str, input_shape: tuple[int, ...]) -> ConfigError:
    return ConfigError(
        Problem(
            f"{model} takes {takes}, these samples have shape {input_shape}",
            where="model",
            mend=_FITTING.get(len(input_shape), "use mlp or linear"),
        )
    )
