"""Versions, and where packages came from, as lines of a requirements file."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import pytest

from epochal.scaffold.pins import origin, pins


def install(folder: Path, url: dict[str, object] | None) -> None:
    """What pip leaves of a package that it installed."""
    record = folder / "soil-2.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: soil\nVersion: 2.0\n")
    if url is not None:
        (record / "direct_url.json").write_text(json.dumps(url))


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (None, ""),
        (
            {"url": "file:///home/ada/soil-2.0-py3-none-any.whl", "archive_info": {}},
            "soil @ file:///home/ada/soil-2.0-py3-none-any.whl",
        ),
        ({"url": "file:///home/ada/my%20soil", "dir_info": {"editable": True}}, "-e /home/ada/my soil"),
        ({"url": "file:///home/ada/soil", "dir_info": {}}, "soil @ file:///home/ada/soil"),
        (
            {
                "url": "https://example.org/soil.git",
                "vcs_info": {"vcs": "git", "requested_revision": "main", "commit_id": "4f5e6d"},
                "subdirectory": "python",
            },
            "soil @ git+https://example.org/soil.git@4f5e6d#subdirectory=python",
        ),
    ],
)
def test_a_package_that_came_from_no_index_says_where_it_came_from(
    url: dict[str, object] | None, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, url)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert origin("soil") == line


def test_all_that_epochal_needs_is_pinned_with_the_tools() -> None:
    found = pins("[audio]")
    epochal = origin("epochal") or f"epochal=={importlib.metadata.version('epochal')}"
    names = {line.partition("==")[0] for line in found}
    assert {epochal, "numpy", "torch", "soundfile", "pytest", "ruff", "pre-commit"} <= {*names, *found}
    assert not any(name.startswith("nvidia") for name in names)
