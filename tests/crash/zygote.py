"""A process that has everything imported and forks one child for each ``epochal`` command that it is told.

A fresh interpreter needs two to three seconds to import torch; a fork needs none. A child is as good as a
fresh process: this one has a single thread, but for polars' idle housekeepers (which is checked; its
allocator knows forks), and has computed nothing, drawn nothing and opened nothing; signals are as in a fresh
process; a child has a group of its own and goes the whole way of the command line. Only pictures are not
drawn, nine tenths of such a run's time. Tests of fresh processes stand beside those that use this one.

Each line of standard input is a command as JSON: {folder, arguments, environment, output}. The answer is a
line with the child's pid, and when it has ended a line with its exit code (negative: the signal it died of).
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MODULES = (
    "epochal.verbs.train",
    "epochal.experiment.check",
    "epochal.models.simple_cnn",
    "epochal.models.mlp",
    "epochal.recipes",
    "epochal.tasks.classification",
    "epochal.tasks.curves",
    "epochal.tracking.hook",
    "epochal.tracking.tensorboard",
    "matplotlib.figure",
    "sklearn.datasets",
)
_HOUSEKEEPERS = {"jemalloc_bg_thd", "polars-ooc-clea"}


def main() -> None:
    for name in _MODULES:
        importlib.import_module(name)
    names = [(thread / "comm").read_text().strip() for thread in Path("/proc/self/task").iterdir()]
    assert len([name for name in names if name not in _HOUSEKEEPERS]) == 1, names
    print("ready", flush=True)  # noqa: T201 (the answer)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
        os.setpgid(child, child)  # before anybody hears of it
        print(child, flush=True)  # noqa: T201
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


def _become(command: Mapping[str, Any]) -> None:
    """Be the command, in this process, to its end."""
    os.chdir(command["folder"])
    output = os.open(command["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream, handle in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
        os.dup2(stream, handle)
    os.environ.update(command["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell runs in the background
    sys.argv = ["epochal", *command["arguments"]]
    from counted import install

    from epochal.cli import main as epochal
    from epochal.experiment import testing

    install()
    setattr(testing, "draw_plots", lambda *_, **__: None)  # noqa: B010 (a function, which mypy guards)
    code = 1
    try:
        epochal()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
