"""The door to segmentation-models-pytorch, by ``smp/`` before the name of an architecture.

The package is imported only when such a name is used: with the encoders that it brings it costs seconds.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from epochal.config.component import check_arguments
from epochal.data.foreign import import_torchvision
from epochal.errors import ConfigError, Problem, RequestError, did_you_mean
from epochal.models.inputs import image_shape
from epochal.models.unet import cut_to_size, pad_to_multiple
from epochal.optional import is_installed, missing

PREFIX = "smp/"

_SUPPLIED = ("in_channels", "classes")
_MULTIPLE = 32  # what the sides have to be a multiple of for every encoder


@dataclass(frozen=True)
class SegmentationModel:
    """An architecture of segmentation-models-pytorch, called like one of ours.

    name: the package's own name for it (``Unet``, ``FPN``, ``DeepLabV3Plus``).
    """

    name: str

    def __call__(
        self, input_shape: tuple[int, ...], outputs: int, pretrained: bool = False, **arguments: Any
    ) -> nn.Module:
        """A network [B, C, H, W] -> logits [B, outputs, H, W], for images of any size.

        pretrained: take the encoder's ImageNet weights, as ``encoder_weights: imagenet`` does; without
            either it starts from random ones. RequestError where they can't be downloaded.
        """
        channels, *sides = image_shape(PREFIX + self.name, input_shape)
        weights = arguments.pop("encoder_weights", "imagenet" if pretrained else None)
        options = {**arguments, "encoder_weights": weights, "in_channels": channels, "classes": outputs}
        try:
            model: nn.Module = _architectures()[self.name](**options)
        except OSError as error:  # the hub's client derives its errors from it
            raise RequestError(
                Problem(
                    f"the weights '{weights}' of the encoder can't be had: {error}",
                    where="model.encoder_weights",
                    mend="on a machine without a network, write encoder_weights: null",
                )
            ) from error
        return model if all(side % _MULTIPLE == 0 for side in sides) else _AnySize(model)

    def check(self, arguments: Mapping[str, Any], beside: Iterable[str] = ()) -> list[tuple[str, Problem]]:
        """What is wrong with the arguments: pairs of (argument, problem); ``beside``: see check_arguments."""
        architecture = _architectures()[self.name]
        known = inspect.signature(architecture).parameters
        problems = check_arguments(architecture, PREFIX + self.name, arguments, _SUPPLIED, beside)
        # the classes take anything beside their arguments and pass it on; nothing there is the user's to set
        for key in sorted(arguments.keys() - known.keys()):
            mend = did_you_mean(key, {*known, *beside} - {*_SUPPLIED, "kwargs"})
            problems.append((key, Problem(f"{PREFIX}{self.name} takes no '{key}'", mend=mend)))
        encoder = str(arguments.get("encoder_name", known["encoder_name"].default))
        if encoder not in _encoders() and not encoder.startswith("tu-"):  # timm's, by their own names
            mend = did_you_mean(encoder, _encoders()) or "timm's are called 'tu-NAME'"
            problems.append(("encoder_name", Problem(f"there is no encoder '{encoder}'", mend=mend)))
        return problems


class _AnySize(nn.Module):
    """The network around which images are padded, and its logits cut to their size."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return cut_to_size(self.model(pad_to_multiple(images, _MULTIPLE)), images)


def find_segmentation_model(name: str) -> SegmentationModel | None:
    """The architecture that ``smp/NAME`` means; None where the name has another prefix.

    RequestError where the package is missing, ConfigError where it knows no such architecture.
    """
    if not name.startswith(PREFIX):
        return None
    if not is_installed("segmentation_models_pytorch"):
        raise missing("segmentation_models_pytorch", f"'{name}'", "model")
    own_name = name.removeprefix(PREFIX)
    known = _architectures()
    if own_name not in known:
        mend = did_you_mean(own_name, known)
        raise ConfigError(Problem(f"segmentation-models-pytorch has no '{own_name}'", "model", mend))
    return SegmentationModel(own_name)


def _encoders() -> list[str]:
    from segmentation_models_pytorch.encoders import get_encoder_names

    return list(get_encoder_names())


def _architectures() -> dict[str, type[nn.Module]]:
    import_torchvision()  # the package imports it too
    import segmentation_models_pytorch as smp

    base: type[nn.Module] = smp.base.SegmentationModel
    return {
        name: found for name, found in vars(smp).items() if inspect.isclass(found) and issubclass(found, base)
    }
