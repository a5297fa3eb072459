from __future__ import annotations

from epochal.run.parameters import flattened, short_keys, varying
from epochal.run.tabular import csv_text, markdown_text


def test_nested_settings_get_dotted_keys() -> None:
    values = {
        "model": {"name": "mlp", "hidden": [8, 4]},
        "data": {"augment": [{"name": "flip"}]},
        "ema": None,
    }
    assert dict(flattened(values)) == {
        "model.name": "mlp",
        "model.hidden": [8, 4],
        "data.augment.0.name": "flip",
        "ema": None,
    }


def test_only_what_differs_is_told() -> None:
    assert varying([{"seed": 1, "lr": 0.1}, {"seed": 1, "lr": 0.2}]) == {"lr": [0.1, 0.2]}
    assert varying([{"seed": 1}]) == {}


def test_a_component_is_the_same_however_it_is_written() -> None:
    short, long = {"model": "mlp"}, {"model.name": "mlp", "model.hidden": [8]}
    assert varying([short, long]) == {"model.hidden": [None, [8]]}
    assert varying([{"scheduler": None}, {"scheduler.name": "StepLR"}]) == {"scheduler": [None, "StepLR"]}


def test_settings_that_an_older_version_did_not_know_do_not_count() -> None:
    assert varying([{"seed": 1}, {"seed": 1, "data.checks": "strict"}]) == {}


def test_keys_are_shortened_as_long_as_they_stay_apart() -> None:
    assert short_keys(["optimizer.lr", "model.name", "data.augment.0.name"]) == ["lr", "model", "augment.0"]
    assert short_keys(["model.dropout", "head.dropout"]) == ["model.dropout", "head.dropout"]


def test_tables_for_other_programs() -> None:
    header = ["run", "channels", "lr"]
    rows: list[list[object]] = [["a|b", [1, 2], 0.001], ["c, d", None, 0.25]]
    assert csv_text(header, rows) == 'run,channels,lr\na|b,"[1, 2]",0.001\n"c, d",,0.25\n'
    assert markdown_text(header, rows).splitlines() == [
        "| run | channels | lr |",
        "| --- | --- | ---: |",
        "| a\\|b | [1, 2] | 0.001 |",
        "| c, d |  | 0.25 |",
    ]
