"""What a power cut may leave of a recorded sequence of durable operations.

A disk is as lazy here as POSIX allows: of a file, only what ``sync`` of it returned for is sure, and what was
written since may be there, absent, cut off, or there as a length without the bytes. Of a folder, only what
``sync_folder`` of it returned for is sure; of the names that were made, changed or removed since, any may
have come to be and the others not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Tearing = Literal["absent", "present", "torn", "zeros", "last only"]
TEARINGS: tuple[Tearing, ...] = ("absent", "present", "torn", "zeros", "last only")
_SCRATCH = "/.preflight-"
State = dict[str, bytes]
"""What a folder holds: the bytes of each file by its path."""


@dataclass(eq=False)
class _File:
    """pending: (place, bytes) of each write since the last sync; (size, None) where it was cut."""

    synced: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    known: dict[Tearing, bytes] = field(default_factory=dict)

    def change(self, place: int, content: bytes | None) -> None:
        self.pending.append((place, content))
        self.known.clear()

    def sync(self) -> None:
        self.synced = self.content("present")
        self.pending.clear()
        self.known.clear()

    def content(self, tearing: Tearing) -> bytes:
        if not self.pending:
            return self.synced
        if tearing not in self.known:
            self.known[tearing] = self._content(tearing)
        return self.known[tearing]

    def _content(self, tearing: Tearing) -> bytes:
        changes = {"absent": [], "last only": self.pending[-1:]}.get(tearing, self.pending)
        content = bytearray(self.synced)
        for number, (place, written) in enumerate(changes):
            if written is None:
                del content[place:]
                continue
            if tearing == "torn" and number == len(changes) - 1:
                written = written[: len(written) // 2]
            if tearing == "zeros":
                written = bytes(len(written))
            content.extend(bytes(max(0, place + len(written) - len(content))))
            content[place : place + len(written)] = written
        return bytes(content)


_Names = dict[str, _File | None]
"""Files by path; None for a folder."""


@dataclass(frozen=True)
class _Change:
    """Of names in one folder: ``path`` means ``file`` (a folder where that is None), ``source`` goes."""

    folder: str
    path: str
    file: _File | None
    source: str | None = None
    removes: bool = False

    def apply(self, names: _Names) -> None:
        if self.removes:
            names.pop(self.path, None)
            return
        if self.source is not None and names.get(self.source) is self.file:
            del names[self.source]
        names[self.path] = self.file


class Disk:
    """Follows recorded operations below ``root``, which is there from the start.

    versions: of each path, what ``replace`` gave it, in turn. written: of each path, how many of these there
    were when ``write_chunks`` last returned: that one, or a later one, must be there whatever happens.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._sure: _Names = {root: None}
        self._live: _Names = {root: None}
        self._pending: list[_Change] = []
        self._open: dict[int, _File] = {}
        self.versions: dict[str, list[bytes]] = {}
        self.written: dict[str, int] = {}

    def follow(self, name: str, *arguments: Any) -> None:
        """One event of ``counted.recorded``; those in a scratch folder of the preflight are left out."""
        where = arguments[0]
        if _SCRATCH in where if isinstance(where, str) else where not in self._open:
            return
        getattr(self, f"_{name}")(*arguments)

    def _change(
        self, path: str, file: _File | None, source: str | None = None, removes: bool = False
    ) -> None:
        change = _Change(os.path.dirname(path), path, file, source, removes)
        change.apply(self._live)
        self._pending.append(change)

    def _create(self, path: str, handle: int) -> None:
        self._open[handle] = _File()
        self._change(path, self._open[handle])

    def _open_to_append(self, path: str, handle: int) -> None:
        if path in self._live:
            found = self._live[path]
            assert found is not None
            self._open[handle] = found
        else:
            self._create(path, handle)

    def _write(self, handle: int, content: bytes, size: int) -> None:
        self._open[handle].change(size, content)

    def _truncate(self, handle: int, size: int) -> None:
        self._open[handle].change(size, None)

    def _sync(self, handle: int) -> None:
        self._open[handle].sync()

    def _close(self, handle: int) -> None:
        del self._open[handle]

    def _replace(self, source: str, target: str) -> None:
        file = self._live[source]
        assert file is not None
        self.versions.setdefault(target, []).append(file.content("present"))
        self._change(target, file, source)

    def _remove(self, path: str) -> None:
        if path in self._live:
            self._change(path, None, removes=True)

    def _make_folder(self, path: str) -> None:
        self._change(path, None)

    def _sync_folder(self, path: str) -> None:
        for change in self._pending:
            if change.folder == path:
                change.apply(self._sure)
        self._pending = [change for change in self._pending if change.folder != path]

    def _written(self, path: str) -> None:
        self.written[path] = len(self.versions[path])

    def after_power_cut(self) -> Iterator[State]:
        """What may be found after a power cut at this instant; the same state may come more than once."""
        some: list[Iterable[_Change]] = [(), self._pending]
        if len(self._pending) > 1:
            some += [(change,) for change in self._pending]
        for changes in some:
            names = dict(self._sure)
            for change in changes:
                change.apply(names)
            reached = self._reached(names)
            lazy = any(file.pending for file in reached.values())
            for tearing in TEARINGS if lazy else TEARINGS[:1]:
                yield {path: file.content(tearing) for path, file in reached.items()}

    def _reached(self, names: _Names) -> dict[str, _File]:
        """The files whose folders are there, up to the root."""

        def is_there(path: str) -> bool:
            folder = os.path.dirname(path)
            return path == self._root or (folder in names and names[folder] is None and is_there(folder))

        return {path: file for path, file in names.items() if file is not None and is_there(path)}
