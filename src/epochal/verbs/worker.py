"""One of several training processes: ``python -m epochal.verbs.worker FOLDER PARENT``."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from epochal.engine.processes import lost_connection
from epochal.errors import EpochalError, Interrupted
from epochal.run.durable import write_json
from epochal.verbs.launch import LOST
from epochal.verbs.train import train

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def main(folder: Path, parent: int) -> int:
    """Train as ``order.json`` in the folder says; process 0 writes ``result.json``. The exit code."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)
    if os.getppid() != parent:  # it died before
        return 1
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


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
