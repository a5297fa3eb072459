"""One of several training processes: ``python -m epochal.verbs.worker FOLDER PARENT``."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from epochal.engine.processes import lost_connection
from epochal.errors import EpochalError, Interrupted
from epochal.run.durable import write_json
from epochal.verbs.launch import LOST
from epochal.verbs.train import train

_LOOK = 0.2  # seconds


def main(folder: Path, parent: int) -> int:
    """Train as ``order.json`` in the folder says; process 0 writes ``result.json``. The exit code."""
    if os.getppid() != parent:  # it died before
        return 1
    _end_with(parent)
    order = json.loads((folder / "order.json").read_text())
    code = 0
    result: dict[str, Any] = {}
    try:
        run = train(order["config"], *order["overrides"], **order["options"])
        result = {"run": str(run.path)}
    except Interrupted as interrupted:
        code, result = interrupted.exit_code, {"interrupted": interrupted.number}
    except KeyboardInterrupt:
        code, result = 128 + signal.SIGINT, {"interrupted": int(signal.SIGINT)}
    except EpochalError as error:
        problems = [(each.what, each.where, each.mend) for each in error.problems]
        cause = error.__cause__
        lost = cause is not None and lost_connection(cause)
        code = LOST if lost else error.exit_code
        result = {"kind": type(error).__name__, "problems": problems, "lost": lost}
        if os.environ["RANK"] != "0":
            print(error)  # noqa: T201 (to the log that the launcher reads)
    except Exception as error:
        traceback.print_exc()
        problems, lost = [(repr(error), "", "")], lost_connection(error)
        code, result = LOST if lost else 1, {"kind": "RunError", "problems": problems, "lost": lost}
    if os.environ["RANK"] == "0":
        write_json(folder / "result.json", result)
    return code


def _end_with(parent: int) -> None:
    """Ask this process to stop, once, when the one that started it is gone.

    The kernel's own signal for it (prctl's PR_SET_PDEATHSIG) comes once for each thread of a parent that is
    killed, and the second SIGTERM ends a training at once.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
