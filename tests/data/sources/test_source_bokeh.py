from __future__ import annotations

import sys

import polars as pl
import pytest

from epochal.config.component import Component
from epochal.data.sources import build_source
from epochal.errors import ConfigError, RequestError


def test_passengers_of_the_titanic() -> None:
    source = build_source(Component(name="titanic"), "class")
    assert source.frame is not None
    assert source.frame.schema == {"class": pl.String, "age": pl.Float64, "sex": pl.String}
    assert source.frame["age"].null_count() == 557
    assert [name for name, _ in source.unused] == ["name"]
    assert (source.manifest.targets == 1).sum() == 450


def test_films() -> None:
    types = {"Director": "category", "Production": "ignore"}
    source = build_source(Component.model_validate({"name": "films", "types": types}), "class")
    assert source.manifest.names == ("fresh", "rotten")
    assert len(source.manifest) == 17453
    assert source.frame is not None
    assert source.frame.schema["Released"] == pl.Datetime("us")
    assert source.frame.schema["Director"] == pl.String
    assert source.unused == (("Production", "ignored"),)


def test_the_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="the task needs regression"):
        build_source(Component(name="titanic"), "value")
    monkeypatch.setitem(sys.modules, "bokeh_sampledata", None)
    with pytest.raises(RequestError, match="needs bokeh-sampledata; pip install --no-deps 'bokeh-"):
        build_source(Component(name="titanic"), "class")
