"""From answers to the files of a project: the template's, each rendered by Jinja."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from epochal import __version__
from epochal.scaffold.kinds import KINDS, MINIMAL
from epochal.scaffold.look import Found
from epochal.scaffold.pins import origin, pins, tool_version
from epochal.scaffold.tree import tree

TEMPLATE = Path(__file__).with_name("template")
RECORD = ".epochal-init.json"
"""What a project was made of, in its folder: the answers, and the files as they were written."""

_SUFFIX = ".jinja"
_PACKAGE = "{{package}}"
_SCRIPT = 0o755
_REGRESSION = {"loss": "log_cosh", "metric": "median_error"}
_CLASSES = {"loss": "smooth_cross_entropy", "metric": "worst_recall"}


@dataclass(frozen=True)
class Answers:
    """What a project is made from.

    template: of ``TEMPLATES``. package: the name that Python imports. today: year, month and day.
    data: the path of the user's data, found: what it is; empty and None for the example set. dvc: whether DVC
    keeps the data and runs the pipeline.
    """

    name: str
    package: str
    template: str
    description: str
    author: str
    today: str
    data: str = ""
    found: Found | None = None
    dvc: bool = False

    @classmethod
    def read(cls, values: dict[str, Any]) -> Answers:
        """From what ``asdict`` gave, as JSON keeps it."""
        found: dict[str, Any] | None = values["found"]
        if found is not None:
            said: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value for key, value in found.items()
            }
            return cls(**{**values, "found": Found(**said)})
        return cls(**values)


def render(answers: Answers, template: Path = TEMPLATE) -> dict[str, str]:
    """The text of each file by its path; where a template renders to nothing, there is no such file."""
    # what it writes is no HTML
    environment = Environment(  # noqa: S701
        undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["quoted"] = shlex.quote
    context = _context(answers)
    sources = {
        path.relative_to(template).as_posix().replace(_PACKAGE, answers.package): path
        for path in sorted(template.rglob("*"))
        if path.is_file()
    }
    names = {name.removesuffix(_SUFFIX) for name in sources}
    files: dict[str, str] = {}
    context["tree"] = ()
    for name, path in sources.items():
        text = path.read_text(encoding="utf-8")
        if name.endswith(_SUFFIX):
            text = environment.from_string(text).render(context)
            if not text.strip():
                names.discard(name.removesuffix(_SUFFIX))
                continue
        files[name.removesuffix(_SUFFIX)] = text
    context["tree"] = tree(answers.package, names)
    readme = template / f"README.md{_SUFFIX}"
    files["README.md"] = environment.from_string(readme.read_text(encoding="utf-8")).render(context)
    return files


def write(project: Path, files: dict[str, str]) -> None:
    """These files into a project's folder; scripts can be run."""
    for name, text in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if path.suffix == ".sh":
            path.chmod(_SCRIPT)


def write_record(project: Path, answers: Answers, files: dict[str, str]) -> None:
    """What ``epochal init --update`` begins from."""
    record = {"epochal": __version__, "answers": asdict(answers), "files": files}
    (project / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _context(answers: Answers) -> dict[str, Any]:
    found, minimal = answers.found, answers.template == MINIMAL
    kind = found.kind if found else "image" if minimal else answers.template
    ours = KINDS[kind]
    coded = found is not None and found.coded
    augment = () if minimal or coded else ours.augment
    prepare = (
        ours.prepare if found is None else (*found.prepare, *(s for s in ours.prepare if "PACKAGE" in s))
    )
    if minimal:
        prepare = tuple(step for step in prepare if "PACKAGE" not in step)
    task = found.task if found else ours.task
    return {
        **asdict(answers),
        "kind": kind,
        "minimal": minimal,
        "year": answers.today[:4],
        "epochal": __version__,
        "ruff": tool_version("ruff"),
        "pins": pins(ours.extras),
        "origin": origin("epochal"),
        "extras": ours.extras,
        "example": "" if found else ours.example,
        "found": found.line if found else "",
        "source": found.source if found else ours.source,
        "target": found.target if found else ours.target,
        "classes": found.classes if found else ours.classes,
        "split": found.split if found else "random",
        "task": task,
        "prepare": _mine(prepare, answers.package),
        "augment": _mine(augment, answers.package),
        "other_model": _mine((ours.other_model,), answers.package)[0],
        "epochs": ours.epochs,
        "score": "val/mean_gap" if kind == "gan" else "val/loss",
        **(_REGRESSION if task == "regression" else _CLASSES),
        **({"loss": "cross_entropy_and_dice", "metric": "worst_iou"} if kind == "segmentation" else {}),
    }


def _mine(steps: tuple[str, ...], package: str) -> tuple[str, ...]:
    return tuple(step.replace("PACKAGE", package) for step in steps)
