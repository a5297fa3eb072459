"""Which weights stay as they are, from epoch to epoch."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from typing import final

from torch import nn

from epochal.engine.config import ALL, BACKBONE, TrainingConfig
from epochal.errors import ConfigError, Problem
from epochal.models.pretrained import classifier_parameters

_Norm = nn.modules.batchnorm._NormBase


@final
class Freezing:
    """Follows ``training.freeze`` and ``training.unfreeze``: what trains in an epoch, and what does not.

    Weights that never train ask for no gradient from here on, so that an optimizer built afterwards does not
    hold them. It holds those that are thawed later from the start; without a gradient it leaves them alone,
    weight decay and averages included. Weights that a model of the user's froze itself stay so.
    ConfigError where a pattern matches nothing.
    """

    def __init__(self, config: TrainingConfig, model: nn.Module) -> None:
        self._config = config
        self._own = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        self._head = classifier_parameters(model) if BACKBONE in config.freeze else set()
        self._total = sum(parameter.numel() for parameter in model.parameters())
        self._training: set[str] | None = None
        if not config.freeze:  # then there is nothing to thaw
            return
        self._check()
        if self._own and not self._trained(0):
            what = "every parameter of the model is frozen in the first epoch"
            raise ConfigError(Problem(what, "training.freeze", "leave the classifier out: freeze: backbone"))
        _ask(model, self._trained(max(config.unfreeze, default=1) - 1))

    def enter(self, model: nn.Module, epoch: int) -> str:
        """Training mode for an epoch, counted from 0; in words what trains where that is not as before.

        Batch norms whose weights are frozen use their statistics and keep them: new ones would change
        what the frozen weights compute.
        """
        model.train()
        if not self._config.freeze:
            return ""
        trained = self._trained(epoch)
        if self._config.freeze_statistics:
            for prefix, module in model.named_modules():
                if isinstance(module, _Norm) and self._is_frozen(f"{prefix}.weight", epoch):
                    module.eval()
        if trained == self._training:
            return ""
        _ask(model, trained)
        self._training = trained
        count = sum(parameter.numel() for name, parameter in model.named_parameters() if name in trained)
        return f"{count:,} of {self._total:,} parameters train from epoch {epoch + 1} on"

    def _trained(self, epoch: int) -> set[str]:
        return {name for name in self._own if not self._is_frozen(name, epoch)}

    def _is_frozen(self, name: str, epoch: int) -> bool:
        thawed = (each for start, each in self._config.unfreeze.items() if start <= epoch + 1)
        return self._matches(name, self._config.freeze) and not any(
            self._matches(name, patterns) for patterns in thawed
        )

    def _matches(self, name: str, patterns: Iterable[str]) -> bool:
        return any(
            pattern == ALL
            or (name not in self._head if pattern == BACKBONE else fnmatch.fnmatchcase(name, pattern))
            for pattern in patterns
        )

    def _check(self) -> None:
        """ConfigError for each pattern that no parameter has."""
        frozen = [name for name in self._own if self._matches(name, self._config.freeze)]
        asked = [("training.freeze", pattern, self._own) for pattern in self._config.freeze]
        for epoch, patterns in self._config.unfreeze.items():
            asked += [(f"training.unfreeze.{epoch}", pattern, set(frozen)) for pattern in patterns]
        problems = [
            Problem(
                f"no {'frozen ' if names is not self._own else ''}parameter matches '{pattern}'",
                where,
                "names are such as " + ", ".join(sorted(names or self._own)[:6]),
            )
            for where, pattern, names in asked
            if not any(self._matches(name, [pattern]) for name in names)
        ]
        if problems:
            raise ConfigError(*problems)


def late_unfreezing(config: TrainingConfig) -> str:
    """What ``training.unfreeze`` names for epochs after the last one, in words; empty where there is none."""
    late = ", ".join(str(epoch) for epoch in sorted(config.unfreeze) if epoch > config.epochs)
    what = f"training.unfreeze: epoch {late} does not come, training.epochs is {config.epochs}"
    return f"{what}; what it names stays frozen" if late else ""


def _ask(model: nn.Module, names: set[str]) -> None:
    """Let these parameters have gradients, and no others."""
    for name, parameter in model.named_parameters():
        if parameter.is_floating_point():
            parameter.requires_grad_(name in names)
