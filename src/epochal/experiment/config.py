"""ExperimentConfig: the root of the configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from epochal.analysis.config import EvaluationConfig
from epochal.config.component import Component
from epochal.config.load import load
from epochal.config.section import Section
from epochal.config.text import ConfigText
from epochal.config.validate import complete, validate
from epochal.data.config import DataConfig
from epochal.engine.config import (
    ComputeConfig,
    OptimizerConfig,
    Optimizers,
    SchedulerConfig,
    Schedulers,
    TrainingConfig,
)
from epochal.errors import ConfigError, RequestError

_PATH_ARGUMENTS = {"root", "path"}


class PathsConfig(Section):
    """Where files go."""

    runs: str = Field(default="runs", description="run folders go to <runs>/<name>/")
    cache: str = Field(
        default="~/.cache/epochal", description="prepared samples, shared by runs; safe to delete"
    )


class ExperimentConfig(Section):
    """Everything that makes a run: `epochal train FILE`."""

    name: str = Field(description="runs go to runs/<name>/; by default the file's name")
    seed: int = Field(
        default=42, ge=0, description="of splits, orders, augmentation, initial weights, dropout"
    )
    task: Component = Field(
        default=Component(name="classification"),
        description="classification, multilabel, regression, segmentation, generation, "
        "or package.module:Class",
    )
    data: DataConfig = Field(description="samples, splits, transforms, batches")
    model: Component | None = Field(
        default=None,
        description="ours, torchvision's or timm's by name, or package.module:Net; "
        "by default simple_cnn, mlp, ... by the kind of samples",
    )
    loss: Component | None = Field(
        default=None,
        description="a name or package.module:Loss; by default cross_entropy, bce_with_logits or mse",
    )
    optimizer: Optimizers = Field(
        default=OptimizerConfig(name="AdamW", lr=1e-3),
        description="any torch.optim class and its arguments; or one for each sub-module by name",
    )
    scheduler: Schedulers | None = Field(
        default=None,
        description="any torch.optim.lr_scheduler class and its arguments; or one for each optimizer by name",
    )
    training: TrainingConfig = Field(
        default=TrainingConfig(), description="epochs, clipping, early stopping, ..."
    )
    evaluation: EvaluationConfig = Field(
        default=EvaluationConfig(), description="intervals, calibration, thresholds, subgroups"
    )
    compute: ComputeConfig = Field(default=ComputeConfig(), description="device, precision, threads, ...")
    tracking: tuple[Literal["tensorboard"], ...] = Field(
        default=("tensorboard",), description="where numbers go besides the run folder"
    )
    paths: PathsConfig = Field(default=PathsConfig(), description="where runs and caches go")
    derived: dict[str, Any] | None = Field(
        default=None,
        description="what a run found out by itself; in its config.yaml, where it answers what auto means",
    )

    @field_validator("name")
    @classmethod
    def _folder_name(cls, value: str) -> str:
        if not re.fullmatch(r"[\w.+-]+", value) or value in (".", "..", "latest"):
            raise ValueError("a name of letters, digits, '.', '_', '+', '-'; it names a folder")
        return value

    @property
    def optimizers(self) -> dict[str, OptimizerConfig]:
        """By the sub-module that each trains; ``""`` is the only one, of the whole model."""
        return self.optimizer if isinstance(self.optimizer, dict) else {"": self.optimizer}

    @property
    def schedulers(self) -> dict[str, SchedulerConfig | None]:
        """The schedule of each optimizer, by its name."""
        if isinstance(self.scheduler, dict):
            return {name: self.scheduler.get(name) for name in self.optimizers}
        return dict.fromkeys(self.optimizers, self.scheduler)

    @property
    def runs_folder(self) -> Path:
        """The folder that holds the runs of all experiments."""
        return Path(self.paths.runs).expanduser()

    @property
    def cache_folder(self) -> Path:
        """The folder of prepared samples."""
        return Path(self.paths.cache).expanduser()


def load_experiment(
    config: str | Path | Mapping[str, Any], overrides: Sequence[str] = (), *, components: bool = True
) -> ExperimentConfig:
    """Read a file, a bundled recipe or a mapping, with ``dotted.key=value`` overrides.

    components: also check every component's name and arguments, which imports torch and what else they
        name. Raises ConfigError with all mistakes at once.
    """
    return read_experiment(config, overrides, components=components)[0]


def read_experiment(
    config: str | Path | Mapping[str, Any], overrides: Sequence[str] = (), *, components: bool = True
) -> tuple[ExperimentConfig, ConfigText]:
    """What ``load_experiment`` gives, and the text, which knows where each key was written."""
    text = read_text(config, overrides)
    checked, problems = validate(text, ExperimentConfig)
    if components:
        # torch and the packages of the components load here, not for `epochal config show`
        from epochal.experiment.check import check_components
        from epochal.experiment.consistency import check_consistency

        problems = problems + check_components(text)
        if checked is not None:
            found = check_consistency(checked)
            problems += [replace(problem, where=_place(problem.where, text)) for problem in found]
    if problems or checked is None:
        raise ConfigError(*problems)
    return checked, text


def read_text(config: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> ConfigText:
    """The config as it is written, with a name and absolute paths; ConfigError where it can't be read."""
    text = load(config, overrides)
    if "name" not in text.values:
        text.values["name"] = re.sub(r"[^\w.+-]+", "-", Path(text.name).stem) or "experiment"
    _make_paths_absolute(text)
    return complete(text, ExperimentConfig)


@contextmanager
def located(text: ConfigText) -> Iterator[None]:
    """Give file and line to the keys that errors inside the block name: what only the data shows wrong."""
    try:
        yield
    except RequestError as error:
        problems = [replace(problem, where=_place(problem.where, text)) for problem in error.problems]
        raise type(error)(*problems) from error.__cause__


def _place(where: str, text: ConfigText) -> str:
    keys = [int(key) if key.isdecimal() else key for key in where.split(".")]
    is_key = all(isinstance(key, int) or key.isidentifier() for key in keys)
    return text.where(*keys) if is_key and keys[0] in ExperimentConfig.model_fields else where


def _make_paths_absolute(text: ConfigText) -> None:
    """A path in a config is relative to the working folder; a run must mean the same from anywhere."""
    data = text.values.get("data")
    for section in ("source", "split", "encode"):
        component = data.get(section) if isinstance(data, dict) else None
        if isinstance(component, dict) and ":" not in str(component.get("name")):
            for key in _PATH_ARGUMENTS & component.keys():
                if isinstance(component[key], str) and "://" not in component[key]:
                    component[key] = str(Path(component[key]).expanduser().absolute())
    model = text.values.get("model")
    if isinstance(model, dict) and isinstance(model.get("pretrained"), str):
        if model["pretrained"].startswith("package:"):
            return
        model["pretrained"] = str(Path(model["pretrained"]).expanduser().absolute())
