from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from folders import NASTY, SECRET, write_parent, write_run
from PIL import Image

from epochal.errors import RequestError
from epochal.reporting.page import comparison_page, run_page
from epochal.reporting.pictures import Pictures, embed_file
from epochal.reporting.record import read_record
from epochal.run.run import Run
from epochal.verbs.report import report


class Page(HTMLParser):
    """What a browser would make of a page: its tags, the text of each section, the addresses in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sections: dict[str, str] = {}
        self.addresses: list[str] = []
        self.data = ""
        self._section, self._in_data = "", False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.addresses += [value for key in ("src", "href") if (value := found.get(key))]
        if tag == "section":
            self._section = found["id"] or ""
            self.sections[self._section] = ""
        self._in_data = found.get("type") == "application/json"

    def handle_endtag(self, tag: str) -> None:
        self._section = "" if tag == "section" else self._section
        self._in_data = False

    def handle_data(self, data: str) -> None:
        if self._section:
            self.sections[self._section] += data
        if self._in_data:
            self.data += data


def page_of(run: Run) -> Page:
    return Page(run_page(read_record(run), Pictures()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "pets" / "2026-11-21_10-00-00_aaaaaaaa"


def test_a_run_with_everything_shows_everything(folder: Path) -> None:
    sections = page_of(write_run(folder)).sections
    expected = ["summary", "scores", "results", "subgroups", "mistakes", "training", "data", "configuration"]
    assert list(sections) == [*expected, "environment"]
    assert (
        "Classification of 1,200 images into 3 classes by simple_cnn (53,098 parameters)"
        in sections["summary"]
    )
    assert "5 of 6, by val/loss" in sections["summary"]
    overall = json.loads((folder / "metrics" / "test.json").read_text())["overall"]
    assert f"{overall['accuracy']:.4f}" in sections["summary"]
    assert f"{overall['accuracy'] - 0.04:.4f} – {overall['accuracy'] + 0.03:.4f}" in sections["scores"]
    for text in ("percentile bootstrap", "ECE", "0.0310", "1.3200", "youden", "on val"):
        assert text in sections["scores"]
    for text in ("Confusion matrix", "ROC", "Precision-recall", "Calibration", "11.0 %", "The same on val"):
        assert text in sections["results"]
    for text in ("female", "131", "too small", "demographic parity", "0.0800"):
        assert text in sections["subgroups"]
    assert "The first 30 of 40" in sections["mistakes"]
    for text in ("Loss", "Learning rate", "best epoch 5", "8,388 samples/s"):
        assert text in sections["training"]
    for text in ("the same image stands in train and test", "drop one of each pair", "and 19 more", "720"):
        assert text in sections["data"]
    assert "AdamW · lr 0.003" in sections["configuration"]
    assert "1 file changed" in sections["environment"]


@pytest.mark.parametrize(
    ("status", "shown"),
    [("finished", "5 of 6, stopped early (9 planned)"), ("failed", "5 of 6 done, 9 planned")],
)
def test_fewer_epochs_than_planned_are_explained(folder: Path, status: str, shown: str) -> None:
    run = write_run(folder, status=status, rich=False)
    config = run.folder.config
    config.write_text(config.read_text().replace("epochs: 6", "epochs: 9"))
    assert shown in page_of(run).sections["summary"]


def test_what_is_absent_leaves_its_section_out(folder: Path) -> None:
    page = page_of(write_run(folder, rich=False))
    assert not {"subgroups", "mistakes", "folds"} & page.sections.keys()
    text = "".join(page.sections.values())
    for word in ("interval", "ECE", "threshold", "Calibration", "Checks"):
        assert word not in text


def test_a_run_without_any_result_is_shown(folder: Path) -> None:
    run = write_run(folder, status="failed", rich=False)
    for path in (*folder.glob("metrics/*"), *folder.glob("curves/*"), *folder.glob("predictions/*")):
        path.unlink()
    for name in ("metrics.jsonl", "statistics.json", "environment.json", "run.log"):
        (folder / name).unlink()
    sections = page_of(run).sections
    assert list(sections) == ["summary", "data", "configuration", "environment"]
    assert "This run did not finish. CUDA ran out of memory" in sections["summary"]


def test_names_from_the_data_do_no_harm(folder: Path) -> None:
    html = run_page(read_record(write_run(folder)), Pictures())
    assert NASTY not in html
    page = Page(html)
    assert page.tags.count("script") == 2
    assert page.tags.count("b") == Page(html.replace("bold", "")).tags.count("b")
    names = {series["name"] for chart in json.loads(page.data) for series in chart["series"]}
    assert NASTY in names
    assert NASTY in page.sections["results"]


def test_the_page_needs_no_network_and_tells_no_secret(folder: Path) -> None:
    html = run_page(read_record(write_run(folder)), Pictures())
    page = Page(html)
    assert page.addresses
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert "url(http" not in html
    assert "@import" not in html
    assert "default-src 'none'" in html
    assert SECRET not in html
    assert "epochal train pets.yaml" in page.sections["environment"]


def test_ten_classes_of_images_stay_far_below_three_megabytes(folder: Path) -> None:
    run = write_run(folder, classes=tuple("0123456789"))
    assert len(run_page(read_record(run), Pictures())) < 1_000_000


def test_many_classes_are_a_list_of_confusions_and_a_few_named_curves(folder: Path) -> None:
    results = page_of(write_run(folder, classes=tuple(f"kind {k}" for k in range(30)))).sections["results"]
    assert "Most confused of 30 classes" in results
    assert "25 others, none lower" in results
    assert "share of the true class" not in results


def test_a_cross_validation_shows_folds_and_pooled_scores(folder: Path) -> None:
    run = write_parent(folder)
    pooled = json.loads((folder / "crossval.json").read_text())["pooled"]["overall"]["accuracy"]
    sections = page_of(run).sections
    assert "Cross-validation" in sections["summary"]
    assert "finished" in sections["summary"]
    assert f"folds {pooled:.4f} ± 0.0082" in sections["summary"]
    for text in ("folds/3", f"{pooled + 0.01:.4f}", f"{pooled - 0.01:.4f}", "± std", "ROC of the folds"):
        assert text in sections["folds"]
    assert "mean of the folds" in sections["folds"]
    assert "pooled" in sections["results"]


def test_a_cross_validation_knows_its_data_and_its_machine_from_its_folds(folder: Path) -> None:
    run = write_parent(folder)
    write_run(folder / "folds" / "1", rich=False)
    text = run.folder.config.read_text()
    run.folder.config.write_text(text[: text.index("derived:")] + "derived: null\n")
    sections = page_of(run).sections
    assert "1,200 images into 3 classes" in sections["summary"]
    assert "epochal train pets.yaml" in sections["environment"]
    assert f"epochal crossval {run.folder.config}" in sections["environment"]
    assert "1,200 in all" in sections["data"]


def test_an_unfinished_cross_validation_says_so(folder: Path) -> None:
    write_parent(folder)
    (folder / "crossval.json").unlink()
    (folder / "folds").mkdir()
    assert "unfinished" in page_of(Run(folder)).sections["summary"]


def test_runs_side_by_side(folder: Path) -> None:
    first = write_run(folder)
    second = write_run(folder.with_name("2026-11-21_10-00-01_bbbbbbbb"), status="interrupted")
    difference = {"score": "accuracy", "difference": 0.0123, "low": -0.01, "high": 0.03, "test": "McNemar"}
    difference |= {"first": "A", "other": "B", "p_value": 0.0002, "adjusted": None, "better": "B"}
    groups = [{"label": label, "runs": [str(run)]} for label, run in (("A", first), ("B", second))]
    comparison = {"split": "test", "differences": [difference], "notes": ["nothing else"], "groups": groups}
    html = comparison_page([read_record(first), read_record(second)], comparison)
    sections = Page(html).sections
    assert list(sections) == ["summary", "compared_scores", "differences", "training", "parameters", "runs"]
    assert "pets aaaaaaaa · pets bbbbbbbb" in sections["summary"]
    for text in (
        "B: pets bbbbbbbb against A: pets aaaaaaaa",
        "0.0123",
        "-0.0100 – 0.0300",
        "< 0.001",
        "B is better",
        "McNemar",
        "nothing else",
    ):
        assert text in sections["differences"]
    differing, _, equal = sections["parameters"].partition("parameters that are equal")
    assert "optimizer.lr" in differing
    assert "model.dropout" in equal
    assert "interrupted" in sections["runs"]
    without = Page(comparison_page([read_record(first), read_record(second)], {}))
    assert "differences" not in without.sections


def test_the_verb_writes_where_it_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent.parent)
    run = write_run(folder)
    assert report(run) == folder / "report.html"
    assert report(run, output="there/page.html") == Path("there/page.html")
    assert "could not be read where the report was made" in Path("there/page.html").read_text()
    Path("found").mkdir()
    Path("found/comparison.json").write_text(json.dumps({"notes": ["seen by the page"]}))
    other = write_run(folder.with_name("2026-11-21_10-00-01_bbbbbbbb"), rich=False)
    assert report(run, run) == folder / "report.html"
    assert report(run, other, comparison="found") == Path("report.html")
    assert "seen by the page" in Path("report.html").read_text()
    Path("comparison.json").write_text(json.dumps({"notes": ["of other runs"]}))
    html = report(run, other).read_text()  # what lies beside the page may be of other runs
    assert "of other runs" not in html
    assert "A and B are not tested" in Page(html).sections["differences"]
    for path in (*(other.path / "metrics").iterdir(), other.path / "metrics.jsonl"):
        path.unlink()
    assert "it has no scores to compare" in Page(report(run, other).read_text()).sections["differences"]
    with pytest.raises(RequestError, match="no comparison can be read"):
        report(run, other, comparison="nowhere.json")
    with pytest.raises(RequestError, match="needs a run"):
        report()


def test_samples_and_offending_images_are_in_the_page(folder: Path) -> None:
    gray, deep = np.zeros((1, 8, 8), np.uint8), np.full((4, 90, 120), 0.5, np.float32)
    pictures = Pictures(classes={"cat": [gray, deep]}, findings={0: [gray, gray, gray]})
    html = run_page(read_record(write_run(folder)), pictures)
    assert html.count('alt="a sample of cat"') == 2
    assert html.count('alt="an offending sample"') == 3
    assert html.count("data:image/jpeg") == 1  # what is large is shrunk; pixel art stays sharp
    assert html.count('class="crisp"') == 4


def test_the_splits_stand_side_by_side(folder: Path) -> None:
    run = write_run(folder)
    found = json.loads(run.folder.inspection.read_text())
    inputs = {"mean": [1.25], "std": [0.5], "minimum": [0.0], "maximum": [12345.0]}
    found["splits"] = {
        split: {"samples": 9, "counts": {"cat": 7 + place}, "groups": 3 + place, "inputs": inputs}
        for place, split in enumerate(("train", "val", "test"))
    }
    found["splits"]["test"].pop("inputs")
    run.folder.inspection.write_text(json.dumps(found))
    words = " ".join(page_of(run).sections["data"].split())
    assert "channeltrainvaltestrange of train groups345" in words
    assert "gray1.25 ± 0.51.25 ± 0.5–0 to 12,345" in words
    assert "cat789" in words


def test_few_groups_are_marked_beside_their_interval_and_kinds_are_words(folder: Path) -> None:
    run = write_run(folder)
    path = run.folder.scores("test")
    few = {"interval_units": {"groups": 6}, "interval_warning": "from 6 groups only"}
    path.write_text(json.dumps(json.loads(path.read_text()) | few))
    errors = run.folder.curve("errors", "test")
    table = pl.read_csv(errors).with_columns(KIND=pl.lit("confidently_wrong"), GROUP=pl.lit("007"))
    table.write_csv(errors)
    sections = page_of(run).sections
    assert "6 groups" in sections["summary"]
    assert "6 groups" in sections["scores"]
    assert "test: intervals are from 6 groups only." in sections["scores"]
    assert "confidently wrong" in sections["mistakes"]
    assert "007" in sections["mistakes"]
    assert "confidently_wrong" not in sections["mistakes"]


def test_a_heavy_picture_is_shrunk(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (700, 2800, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "errors_test.png")
    found = embed_file(tmp_path / "errors_test.png")
    assert (found["width"], found["height"]) == (1400, 350)
    assert len(found["source"]) < 600_000


def test_regression_shows_predictions_against_targets(folder: Path) -> None:
    run = write_run(folder, rich=False)
    for path in (*folder.glob("curves/*"), *folder.glob("predictions/*")):
        path.unlink()
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("task: classification", "task: regression"))
    (folder / "metrics" / "test.json").write_text('{"overall": {"rmse": 3.25, "mae": 2.5}, "per_class": {}}')
    table = pl.DataFrame(
        {"NAME": ["price"] * 3, "TARGET": [1.0, 2.0, 3.0], "PREDICTION": [1.5, float("nan"), 2.5]}
    )
    table.write_csv(folder / "curves" / "scatter_test.csv")
    page = page_of(run)
    assert re.search(r"RMSE ↓\s+3\.2500", page.sections["summary"])
    assert "price: residuals" in page.sections["results"]
    (dots,) = [
        chart["series"][0] for chart in json.loads(page.data) if chart["labels"] == ["true", "predicted"]
    ]
    assert dots["y"] == ["1.5", "2.5"]
