"""Carries what has changed in the template into a project, and leaves what its owner has changed."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from epochal.errors import Problem, RequestError
from epochal.scaffold.dvc import require_dvc, set_up_dvc
from epochal.scaffold.render import RECORD, TEMPLATE, Answers, render, write, write_record

_LABELS = ("yours", "as it was", "template")


@dataclass(frozen=True)
class Update:
    """Paths by what became of them.

    added, changed, removed: as the template has it now. merged: both had changed it, in different places.
    conflicts: in the same places; both versions stand in the file, between markers as git's.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    merged: tuple[str, ...]
    conflicts: tuple[str, ...]


def update(project: Path, template: Path = TEMPLATE, *, dvc: bool = False) -> Update:
    """Bring a project to the state of a template: three-way, from what was generated last.

    dvc: set DVC up in it, too.
    A file that its owner has deleted stays deleted; one that the template no longer has goes where it is
    unchanged. Raises RequestError where the folder is no project of ``epochal init``, git or DVC is missing.
    """
    record = project / RECORD
    if not record.is_file():
        mend = "run it in the folder of a project that `epochal init` made"
        raise RequestError(Problem(f"there is no {RECORD}", str(project), mend))
    if shutil.which("git") is None:
        raise RequestError(Problem("merging your changes with the template's needs git", mend="install git"))
    if dvc:
        require_dvc()
    said = json.loads(record.read_text(encoding="utf-8"))
    answers, before = Answers.read(said["answers"]), said["files"]
    if dvc:
        answers = replace(answers, dvc=True)
    now = render(answers, template)
    groups: dict[str, list[str]] = {key: [] for key in Update.__dataclass_fields__}
    for name in sorted({*before, *now}):
        _carry(project / name, name, before.get(name), now.get(name), groups)
    write_record(project, answers, now)
    if dvc:
        set_up_dvc(project)
    return Update(**{key: tuple(names) for key, names in groups.items()})


def _carry(path: Path, name: str, before: str | None, now: str | None, groups: dict[str, list[str]]) -> None:
    """One file from what it was to what it is now."""
    mine = path.read_text(encoding="utf-8") if path.is_file() else None
    if now == before or mine == now:
        return
    if now is None:
        if mine == before:
            path.unlink()
            groups["removed"].append(name)
    elif mine is None:
        if before is None:  # else its owner has deleted it
            write(path.parent, {path.name: now})
            groups["added"].append(name)
    elif mine == before:
        write(path.parent, {path.name: now})
        groups["changed"].append(name)
    else:
        text, is_clean = _merged(mine, before or "", now)
        write(path.parent, {path.name: text})
        groups["merged" if is_clean else "conflicts"].append(name)


def _merged(mine: str, before: str, now: str) -> tuple[str, bool]:
    """The three versions in one, and whether no place was changed by both."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("mine", "before", "now")]
        for path, text in zip(paths, (mine, before, now), strict=True):
            path.write_text(text, encoding="utf-8")
        labels = [argument for label in _LABELS for argument in ("-L", label)]
        done = subprocess.run(["git", "merge-file", "-p", *labels, *paths], capture_output=True, check=False)
    return done.stdout.decode(), done.returncode == 0
