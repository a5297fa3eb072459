"""``epochal report`` as its user calls it."""

from __future__ import annotations

import json
from pathlib import Path

from shell import Shell, make_images

import epochal


def test_what_was_left_out_of_a_run_does_not_hide_its_pictures(here: Path) -> None:
    make_images(here / "pets", count=12, size=48)
    first = sorted((here / "pets").rglob("*.png"))[0].relative_to(here / "pets")
    (here / "drop.csv").write_text(f"FILENAME\n{first.as_posix()}\n")
    data = {
        "source": {"name": "folder", "root": "pets"},
        "prepare": [{"name": "resize", "size": 16}],
        "exclude": "drop.csv",
        "checks": "off",
    }
    config = {"name": "pets", "data": data, "model": "tiny_vgg", "training": {"epochs": 1}}
    page = epochal.report(epochal.train(config, preflight=False, quiet=True)).read_text()
    assert page.count('alt="a sample of owl"') == 8
    assert "The data was not checked" in page
    assert "found nothing wrong" not in page


def test_a_run_becomes_one_page_with_its_pictures(here: Path) -> None:
    make_images(here / "pets", count=12, size=48)
    data = {"source": {"name": "folder", "root": "pets"}, "prepare": [{"name": "resize", "size": 16}]}
    config = {"name": "pets", "data": data, "model": "tiny_vgg", "training": {"epochs": 1}}
    run = epochal.train(config, preflight=False, quiet=True)

    done = Shell(here).run("report", "latest", "--json")

    assert json.loads(done.stdout) == {"report": str(run.path / "report.html")}
    page = (run.path / "report.html").read_text()
    assert 20_000 < len(page) < 3_000_000
    assert page.count('alt="a sample of owl"') == 8
    assert f"{run.metrics['test/accuracy']:.4f}" in page
