"""The door to torchvision's and timm's models.

Either package is imported only when a model's name is none of ours: torchvision alone costs as much
start-up time as torch.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from epochal.config.component import check_arguments
from epochal.data.foreign import import_torchvision
from epochal.errors import Problem, RequestError, did_you_mean
from epochal.models.pretrained import first_convolution, load_weights
from epochal.optional import install_line, is_installed, missing

Package = Literal["torchvision", "timm"]
PACKAGES: tuple[Package, ...] = ("torchvision", "timm")

_FILLED_IN = {"num_classes", "in_chans", "progress"}
_REPLACED = {"weights", "checkpoint_path"}  # by our own key 'pretrained', which executes nothing


@dataclass(frozen=True)
class VisionModel:
    """A model of torchvision or timm, called like one of ours.

    name: the package's own name for it (``resnet18``, ``resnet50.a1_in1k``).
    """

    package: Package
    name: str

    def __call__(
        self, input_shape: tuple[int, ...], outputs: int, pretrained: bool = False, **arguments: Any
    ) -> nn.Module:
        """A network [B, C, H, W] -> [B, outputs], its stem and head fitted to C and ``outputs``.

        pretrained: load the weights that the package offers for download; RequestError where they can't
            be had.
        """
        if self.package == "torchvision":
            return self._build_torchvision(input_shape, outputs, pretrained, arguments)
        return self._build_timm(input_shape, outputs, pretrained, arguments)

    def _build_torchvision(
        self, input_shape: tuple[int, ...], outputs: int, pretrained: bool, arguments: Mapping[str, Any]
    ) -> nn.Module:
        channels, height, width = input_shape
        known = self._parameters()
        derived: dict[str, Any] = {}
        if "aux_logits" in known:  # Inception's auxiliary heads make it return tuples in training
            derived = {"aux_logits": False, "init_weights": True}
        if "image_size" in known and height == width:
            derived = {"image_size": height}
        model: nn.Module = self._builder()(weights=None, num_classes=outputs, **{**derived, **arguments})
        stem = first_convolution(model)
        if channels != 3 and stem:
            _replace_convolution(model, stem, channels)
        if pretrained:
            import torchvision

            weights = torchvision.models.get_model_weights(self.name).DEFAULT
            try:
                state = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
            except (OSError, RuntimeError) as error:
                raise self._no_weights(error) from error
            load_weights(model, state)
        return model

    def _build_timm(
        self, input_shape: tuple[int, ...], outputs: int, pretrained: bool, arguments: Mapping[str, Any]
    ) -> nn.Module:
        import timm

        channels, *size = input_shape
        derived: dict[str, Any] = {}
        if "img_size" in self._parameters():  # a transformer's position embedding has the image's size
            configuration = timm.get_pretrained_cfg(self.name)
            if configuration is None or list(configuration.input_size[1:]) != size:
                derived = {"img_size": tuple(size)}
        options = {**derived, **arguments, "num_classes": outputs, "in_chans": channels}
        if not pretrained:
            model: nn.Module = timm.create_model(self.name, **options)
            return model
        try:
            model = timm.create_model(self.name, pretrained=True, **options)
        except TypeError:  # an argument, not the download
            raise
        except Exception as error:  # the hub's client raises errors of several libraries
            raise self._no_weights(error) from error
        return model

    def _no_weights(self, error: Exception) -> RequestError:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return RequestError(
            Problem(
                f"{self.package} could not download the weights of '{self.name}': {reason}",
                where="model.pretrained",
                mend="on a machine without a network, write the path of a file of weights: pretrained: PATH",
            )
        )

    def check(self, arguments: Mapping[str, Any], beside: Iterable[str] = ()) -> list[tuple[str, Problem]]:
        """What is wrong with the arguments: pairs of (argument, problem); ``beside`` as in check_arguments.

        Arguments in the signature of the model's class are judged by it. The rest go through functions
        that take anything; those are tried on a model without memory (the ``meta`` device).
        """
        parameters = self._parameters()
        problems = [
            (
                key,
                Problem(f"'{key}' of {self.name} is set by 'pretrained'", mend="write true or a path there"),
            )
            for key in sorted(arguments.keys() & _REPLACED)
        ]
        arguments = {key: value for key, value in arguments.items() if key not in _REPLACED}
        named = {key: value for key, value in arguments.items() if key in parameters or key in _FILLED_IN}
        # what the class requires, the package's own function for this name passes
        required = {key for key, parameter in parameters.items() if parameter.default is parameter.empty}
        problems += check_arguments(
            self._family() or self._builder(), self.name, named, _FILLED_IN | required, beside
        )
        for key in sorted(arguments.keys() - named.keys()):
            if not self._accepts(key, arguments[key]):
                mend = did_you_mean(key, {*parameters, *beside} - _FILLED_IN - required)
                problems.append((key, Problem(f"{self.name} takes no '{key}'", mend=mend)))
        return problems

    def _accepts(self, key: str, value: Any) -> bool:
        builder = self._builder()
        try:
            with torch.device("meta"), torch.random.fork_rng(devices=[]):
                builder(**{key: value})
        except TypeError as error:
            return f"'{key}'" not in str(error)
        except Exception:  # some models can't be built without memory; building for real will tell
            return True
        return True

    def _builder(self) -> Callable[..., nn.Module]:
        if self.package == "torchvision":
            import torchvision

            builder: Callable[..., nn.Module] = torchvision.models.get_model_builder(self.name)
            return builder
        import timm

        return _with_name(timm.create_model, self.name)

    def _family(self) -> type[nn.Module] | None:
        """The class that the model is an instance of, where the package's annotations tell."""
        if self.package == "torchvision":
            function = self._builder()
        else:
            import timm

            function = timm.model_entrypoint(self.name.split(".")[0])
        family = typing.get_type_hints(function).get("return")
        return family if isinstance(family, type) and issubclass(family, nn.Module) else None

    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        family = self._family()
        return inspect.signature(family).parameters if family else {}


def find_vision_model(name: str) -> VisionModel | None:
    """torchvision's model with this name, or else timm's; ``torchvision/`` or ``timm/`` before it decides.

    None where neither knows the name; RequestError where the package named by the prefix is missing.
    """
    prefix, _, own_name = name.rpartition("/")
    if prefix not in ("", *PACKAGES):
        return None
    for package in PACKAGES:
        if prefix in ("", package) and _installed(package) and own_name in _knows(package):
            return VisionModel(package, own_name)
        if prefix == package and not _installed(package):
            raise missing(package if not is_installed(package) else "torchvision", f"'{name}'", "model")
    return None


def missing_packages(name: str, ours: Iterable[str]) -> RequestError | None:
    """The error for a name that is none of ``ours`` while a package that may know it is missing, or None."""
    unknown = [package for package in PACKAGES if not _installed(package)]
    if not unknown:
        return None
    near = did_you_mean(name, ours)
    return RequestError(
        Problem(
            f"no model of epochal's is called '{name}', and {' and '.join(unknown)} can't be asked",
            where="model",
            mend=f"{near + ' ' if near.endswith('?') else ''}for their models, {install_line('timm')}",
        )
    )


def list_vision_models() -> Iterator[str]:
    """The names that the installed packages know."""
    for package in PACKAGES:
        if _installed(package):
            yield from _knows(package).names()


@dataclass(frozen=True)
class _Names:
    """The models for images that a package has; detection, video and the like are left out."""

    package: Package

    def __contains__(self, name: str) -> bool:
        if self.package == "timm":
            import timm

            architecture, _, tag = name.partition(".")  # a tag names one of several sets of weights
            known = bool(timm.is_model(architecture))
            return known and (not tag or name in timm.list_pretrained(f"{architecture}.*"))
        return name in self.names()

    def names(self) -> list[str]:
        if self.package == "timm":
            import timm

            return list(timm.list_models())
        import torchvision

        return list(torchvision.models.list_models(module=torchvision.models))


def _knows(package: Package) -> _Names:
    import_torchvision()  # timm imports it too
    return _Names(package)


def _installed(package: Package) -> bool:
    # timm does not import without torchvision
    return is_installed(package) and is_installed("torchvision")


def _with_name(create: Callable[..., nn.Module], name: str) -> Callable[..., nn.Module]:
    def build(**arguments: Any) -> nn.Module:
        return create(name, **arguments)

    return build


def _replace_convolution(model: nn.Module, name: str, in_channels: int) -> None:
    """Put a fresh convolution for another number of channels in the place of the one called ``name``."""
    old = model.get_submodule(name)
    assert isinstance(old, nn.Conv2d)
    new = nn.Conv2d(
        in_channels,
        old.out_channels,
        old.kernel_size,  # type: ignore[arg-type]
        old.stride,  # type: ignore[arg-type]
        old.padding,  # type: ignore[arg-type]
        old.dilation,  # type: ignore[arg-type]
        old.groups,
        old.bias is not None,
        old.padding_mode,
    )
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, new)
