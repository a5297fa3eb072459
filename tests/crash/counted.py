"""``epochal`` in a process whose durable operations are counted: to be killed at one, or written down.

Every durable operation is a call of a function of ``epochal.run.disk``; these functions are wrapped here, so
that the product needs no hook. Environment variables say what happens:

CRASH_AT: ``12``: SIGKILL at the twelfth operation: half way through where it is a write, else before it.
CRASH_RECORD: a file to which every operation is appended, its bytes included (``recorded`` reads it).
CRASH_SKIP: ``durable.py:34``: the call in that line of the product does nothing.
CRASH_FRESH: an item of the state of training that is not restored, ``ema`` or ``counters/step``.
"""

from __future__ import annotations

import itertools
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from epochal.run import disk, durable

OPERATIONS = (
    "create",
    "open_to_append",
    "write",
    "truncate",
    "sync",
    "close",
    "replace",
    "remove",
    "make_folder",
    "sync_folder",
)


def install() -> None:
    """Wrap what the environment asks for, in this process."""
    from epochal.engine import checkpoint  # here, for who only reads a record needs no torch

    at = int(os.environ.get("CRASH_AT", "0"))
    operations = Operations(at, os.environ.get("CRASH_RECORD"), os.environ.get("CRASH_SKIP"))
    operations.wrap()
    write_chunks = durable.write_chunks

    def marked(path: Path, *arguments: Any) -> None:
        write_chunks(path, *arguments)
        operations.note("written", path)

    for module in (durable, checkpoint):
        setattr(module, "write_chunks", marked)  # noqa: B010 (a module's attribute, which mypy guards)
    if os.environ.get("CRASH_FRESH"):
        leave_fresh(os.environ["CRASH_FRESH"])


class Operations:
    """Counts operations from 1; one at a time, so that their order is what was recorded."""

    def __init__(self, at: int, record: str | None, skipped: str | None) -> None:
        self._at = at
        self._record = open(record, "ab", buffering=0) if record else None  # noqa: SIM115 (as long as the process)
        self._skipped = skipped
        self._lock = threading.Lock()
        self._count = itertools.count(1)

    def wrap(self) -> dict[str, Callable[..., Any]]:
        """Stand before the functions of ``disk``, which are returned by name."""
        real = {name: getattr(disk, name) for name in OPERATIONS}
        for name, function in real.items():
            setattr(disk, name, self._wrapped(name, function))
        return real

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any) -> Any:
            caller = sys._getframe(1)
            place = f"{Path(caller.f_code.co_filename).name}:{caller.f_lineno}"
            if place == self._skipped:
                return None
            with self._lock:
                if next(self._count) == self._at:
                    if name == "write":
                        opened, content = arguments
                        real(opened, memoryview(content).cast("B")[: len(content) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)
                size = [os.fstat(arguments[0]).st_size] if name == "write" else []
                result = real(*arguments)
                handle = [] if result is None else [result]
                self._write_down(name, *arguments, *size, *handle)
            return result

        return operation

    def close(self) -> None:
        """The record is whole."""
        if self._record is not None:
            self._record.close()

    def note(self, *event: Any) -> None:
        """Something that is no operation, in its place among them."""
        with self._lock:
            self._write_down(*event)

    def _write_down(self, name: str, *values: Any) -> None:
        if self._record is not None:
            self._record.write(pickle.dumps((name, *map(_plain, values))))


def _plain(value: Path | int | bytes | memoryview) -> str | int | bytes:
    if isinstance(value, Path):
        return os.path.abspath(value)
    return value if isinstance(value, int) else bytes(value)


def recorded(path: Path) -> Iterator[tuple[Any, ...]]:
    """The operations of a record in their order: (name, arguments...).

    A write has the size of the file before it at its end, what opens a file its handle.
    """
    with path.open("rb") as file, suppress(EOFError):
        while True:
            yield pickle.load(file)  # noqa: S301 (we wrote it)


def leave_fresh(item: str) -> None:
    """From now on a restored state lacks one item: it stays as it was before."""
    from epochal.engine.flat import flatten, unflatten
    from epochal.engine.state import TrainState

    restore = TrainState.restore
    *above, name = (int(key) if key.isdigit() else key for key in item.split("/"))

    def restore_the_rest(self: TrainState, tensors: dict[str, Any], values: dict[str, Any]) -> None:
        own_tensors, own_values = self.to_checkpoint()
        own, whole = unflatten(own_values, own_tensors), unflatten(values, tensors)
        own_part, part = own, whole
        for key in above:
            own_part, part = own_part[key], part[key]
        part[name] = own_part[name]
        mixed: dict[str, Any] = {}
        mixed_values = flatten(whole, "state", mixed)
        restore(self, mixed, mixed_values)

    setattr(TrainState, "restore", restore_the_rest)  # noqa: B010 (a method, which mypy guards)


if __name__ == "__main__":
    from epochal.cli import main

    install()
    main()
