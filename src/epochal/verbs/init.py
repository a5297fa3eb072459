"""Init: a project of one's own, which trains on its first command."""

from __future__ import annotations

import datetime
import importlib.metadata
import keyword
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from epochal.errors import Problem, RequestError, RunError, did_you_mean
from epochal.scaffold.dvc import require_dvc, set_up_dvc
from epochal.scaffold.kinds import KINDS, MINIMAL, TEMPLATES
from epochal.scaffold.look import look
from epochal.scaffold.render import Answers, render, write, write_record

DEFAULT = "image"
"""The template where none is named and no data says it."""


@dataclass(frozen=True)
class Project:
    """A project that was made. found: what its data is, in words; files: their paths."""

    path: Path
    template: str
    found: str
    files: tuple[str, ...]


def init(
    name: str | Path,
    *,
    template: str = "",
    data: str | Path | None = None,
    description: str = "",
    author: str = "",
    dvc: bool = False,
) -> Project:
    """Write a project into the folder ``name``: configs, a network, tests, and data to begin with.

    template: one of ``image``, ``table``, ``text``, ``audio``, ``segmentation``, ``series``, ``gan``,
        ``minimal``; by default what the data is, else ``image``.
    data: a folder or a table, which the configs will read where it lies; without it an example set is made.
    dvc: let DVC track the data and run the pipeline of ``dvc.yaml``; git and DVC are set up if they are not.

    Raises RequestError where the folder holds something, a name can't be used or DVC is missing, DataError
    where the data is of no kind that a template has.
    """
    path = Path(name).expanduser()
    package = _package(path.absolute().name)
    if template and template not in TEMPLATES:
        raise RequestError(
            Problem(f"there is no template '{template}'", mend=did_you_mean(template, TEMPLATES))
        )
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        mend = "name a folder that is not there yet; --update is for a project that `epochal init` made"
        raise RequestError(Problem("this exists and is not empty", str(path), mend))
    if dvc:
        require_dvc()
    place = Path(data).expanduser().absolute() if data else None
    found = look(place, template) if place else None
    answers = Answers(
        name=path.absolute().name,
        package=package,
        template=template or (found.kind if found else DEFAULT),
        description=description or _describe(template, found.line if found else ""),
        author=author,
        today=datetime.date.today().isoformat(),
        data=str(place or ""),
        found=found,
        dvc=dvc,
    )
    files = render(answers)
    write(path, files)
    write_record(path, answers, files)
    if found is None:
        _prepare(path)
    if dvc:
        set_up_dvc(path)
    return Project(path, answers.template, found.line if found else "", tuple(files))


def _package(name: str) -> str:
    """What Python imports; RequestError where it would hide what is there already."""
    package = re.sub(r"\W+", "_", name.lower()).strip("_")
    if not package or not package.isidentifier() or not package.isascii() or keyword.iskeyword(package):
        raise RequestError(
            Problem(f"'{name}' makes no name of a package", mend="begin it with a letter, a to z")
        )
    taken = {*sys.stdlib_module_names, *importlib.metadata.packages_distributions()}
    if package in taken:
        mend = f"take another, such as my-{package}"
        raise RequestError(Problem(f"'{package}' is the name of a package that is installed", mend=mend))
    return package


def _describe(template: str, found: str) -> str:
    if found:
        return f"Trained on {found}."
    line = KINDS[DEFAULT if template in ("", MINIMAL) else template].line
    return f"{line[0].upper()}{line[1:]}."


def _prepare(project: Path) -> None:
    """Make the example set, by the project's own script."""
    script = project.absolute() / "scripts" / "prepare_data.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunError(Problem((done.stderr.strip().splitlines() or ["it failed"])[-1], str(script)))
