"""The layout of a run folder: the one place where its file names are written down."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from epochal.run import disk
from epochal.run.durable import make_folders

SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True)
class RunFolder:
    """Paths inside one run folder; nothing is read or written by asking for one."""

    path: Path

    @property
    def id(self) -> str:
        """The short hash of the experiment: the end of the folder's name."""
        return self.path.name.rsplit("_", 1)[-1]

    @property
    def name(self) -> str:
        """The experiment's name: the folder that holds this one."""
        return self.path.parent.name

    @property
    def is_fold(self) -> bool:
        """Whether the run is one of a cross-validation's, in whose folder it lies."""
        return self.path.parent.name == "folds" and self.path.name.isdecimal()

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        """Command, git state, packages, hardware, digest of the data."""
        return self.path / "environment.json"

    @property
    def split(self) -> Path:
        """INDEX,FILENAME,SPLIT and, where the data has groups, GROUP."""
        return self.path / "split.csv"

    @property
    def statistics(self) -> Path:
        """Statistics of the training split."""
        return self.path / "statistics.json"

    @property
    def encoding(self) -> Path:
        """Vocabularies and what fills gaps, from the training split: of texts and columns."""
        return self.path / "encoding.json"

    @property
    def inspection(self) -> Path:
        """What the checks of the data found."""
        return self.path / "inspect.json"

    @property
    def history(self) -> Path:
        """One JSON object a line, as training goes."""
        return self.path / "metrics.jsonl"

    @property
    def log(self) -> Path:
        """What was said during the run, tracebacks included."""
        return self.path / "run.log"

    @property
    def sessions(self) -> Path:
        """When it was worked on."""
        return self.path / "sessions.json"

    @property
    def lock(self) -> Path:
        """Held by the process that works on the run."""
        return self.path / ".lock"

    @property
    def last(self) -> Path:
        """The newest whole state of training."""
        return self.path / "checkpoints" / "last.safetensors"

    @property
    def previous(self) -> Path:
        """The whole state before ``last``, used where that is damaged."""
        return self.path / "checkpoints" / "previous.safetensors"

    @property
    def best(self) -> Path:
        """The weights of the best epoch, by the names of the model's own ``state_dict``."""
        return self.path / "checkpoints" / "best.safetensors"

    @property
    def curves(self) -> Path:
        """The folder of the coordinates behind the plots."""
        return self.path / "curves"

    @property
    def plots(self) -> Path:
        """The folder of pictures."""
        return self.path / "plots"

    @property
    def tensorboard(self) -> Path:
        """The folder of event files."""
        return self.path / "tensorboard"

    @property
    def profile(self) -> Path:
        """The folder of what ``--profile`` measured."""
        return self.path / "profile"

    @property
    def crossval(self) -> Path:
        """What the folds of a cross-validation come to; in their parent only."""
        return self.path / "crossval.json"

    @property
    def calibration(self) -> Path:
        """The temperature and the thresholds that were chosen on validation."""
        return self.path / "calibration.json"

    def scores(self, split: str) -> Path:
        """Final scores of one split."""
        return self.path / "metrics" / f"{split}.json"

    def predictions(self, split: str) -> Path:
        """One row a sample of one split."""
        return self.path / "predictions" / f"{split}.csv"

    def curve(self, kind: str, split: str) -> Path:
        """One table of coordinates, such as ``roc_test.csv``."""
        return self.curves / f"{kind}_{split}.csv"

    def flag(self, status: str) -> Path:
        """The file that says how the run ended."""
        return self.path / f"{status}.out"


def create_run_folder(root: Path, name: str, experiment_id: str) -> RunFolder:
    """A new, empty folder ``root/name/<date>_<time>_<id>``, by whose name it is the newest of its second.

    A second that has a run of this name already is taken, and the next one is tried.
    """
    started = datetime.now().astimezone()
    parent = root / name
    while True:
        stamp = started.strftime("%Y-%m-%d_%H-%M-%S")
        folder = parent / f"{stamp}_{experiment_id}"
        with suppress(FileExistsError):
            if not any(parent.glob(f"{stamp}_*")):
                make_folders(parent)
                disk.make_folder(folder)
                disk.sync_folder(parent)
                return RunFolder(folder)
        started += timedelta(seconds=1)
