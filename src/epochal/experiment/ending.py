"""How a run ends is written into its folder, whatever happens."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from epochal.console import log
from epochal.errors import EpochalError, Interrupted, Problem, RunError
from epochal.run.folder import RunFolder
from epochal.run.status import set_flag


@contextmanager
def flagged(folder: RunFolder, hint: str, explain: Callable[[Exception], Problem]) -> Iterator[None]:
    """Leave the flag that says how the block ended; a traceback goes to the log, a line to the user.

    hint: how to go on after an interruption, in full. explain: what any other exception comes to.
    """
    try:
        yield
    except Interrupted as interrupted:
        set_flag(folder, "interrupted", f"stopped by {interrupted}")
        log.warning(f"stopped by {interrupted}; {hint}")
        raise
    except KeyboardInterrupt:
        set_flag(folder, "interrupted", "stopped at once; the last checkpoint stands")
        raise
    except EpochalError as error:
        set_flag(folder, "failed", str(error))
        log.error(f"failed: {error}", extra={"file_only": True})
        raise
    except Exception as error:
        problem = explain(error)
        set_flag(folder, "failed", f"{problem.what}; {problem.mend}")
        log.error(f"failed: {problem.what}\n{traceback.format_exc()}", extra={"file_only": True})
        raise RunError(problem) from error
    set_flag(folder, "finished", "finished")
