"""The section ``evaluation`` of the configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from epochal.config.component import Component
from epochal.config.section import Section

_DEFAULT_RESAMPLES = 1000


class ThresholdConfig(Section):
    """From which probability on a sample is called positive, chosen on validation."""

    rule: Literal["youden", "f1", "sensitivity"] = Field(
        description="youden: largest sensitivity + specificity; f1: largest F1; sensitivity: at least `at`"
    )
    at: float | None = Field(
        default=None, gt=0, le=1, description="the sensitivity that its rule asks for, by default 0.9"
    )

    @model_validator(mode="after")
    def _only_where_it_is_asked_for(self) -> ThresholdConfig:
        if self.at is not None and self.rule != "sensitivity":
            raise ValueError(f"the rule {self.rule} takes no 'at': leave it out, or write rule: sensitivity")
        return self

    @property
    def sensitivity(self) -> float:
        """What the rule ``sensitivity`` asks for."""
        return 0.9 if self.at is None else self.at


class EvaluationConfig(Section):
    """What is said of the scores at the end of a run and by `epochal evaluate`."""

    intervals: bool | Annotated[int, Field(ge=100)] = Field(
        default=_DEFAULT_RESAMPLES,
        description="bootstrap resamples behind the 95 % interval of each score; false: no intervals",
    )
    subgroups: tuple[str, ...] = Field(
        default=(), description="columns of the table: every score for each of their values, and the gaps"
    )
    positive: str | None = Field(
        default=None,
        description="the positive one of two classes, put last wherever classes are in order; "
        "by default the last by name",
    )
    metrics: tuple[Component, ...] = Field(
        default=(),
        description="scores of your own: package.module:function of (predictions, targets); `as` renames one",
    )
    threshold: ThresholdConfig | None = Field(
        default=None, description="{rule: youden|f1|sensitivity, at: 0.9}; for two classes, or each label"
    )
    calibrate: bool = Field(
        default=False, description="divide logits by a temperature fitted on validation, also in predict"
    )

    @field_validator("positive", mode="before")
    @classmethod
    def _class_name(cls, value: object) -> object:
        """Class names are text, also where they look like numbers."""
        return str(value) if type(value) is int else value

    @property
    def resamples(self) -> int:
        """Bootstrap resamples; 0 for no intervals."""
        return self.intervals * _DEFAULT_RESAMPLES if isinstance(self.intervals, bool) else self.intervals
