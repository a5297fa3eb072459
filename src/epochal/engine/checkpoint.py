"""A checkpoint is one safetensors file: tensors by name, plain values as JSON in its header, and a digest.

The digest is over every byte of the file, with zeros in its own place.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from epochal.console import log
from epochal.errors import EpochalError, Problem, RunError
from epochal.run.durable import move, write_chunks

_VALUES, _DIGEST = "epochal", "digest"
_ZEROS = "0" * 64
_SEALED = re.compile(rb'"digest":"([0-9a-f]{64})"')  # text inside the values has its quotes escaped
_PIECE = 2**22  # bytes
_LARGEST_HEADER = 100_000_000  # bytes; safetensors refuses larger ones
_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.complex64: "C64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint64: "U64",
    torch.uint32: "U32",
    torch.uint16: "U16",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


class DamagedError(RunError):
    """A checkpoint that is not as it was written."""


@dataclass(frozen=True)
class Snapshot:
    """What a checkpoint will hold, as it was at one instant: nothing that happens later changes it.

    tensors: copies on the CPU, contiguous. values: plain values.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any]

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> Snapshot:
        """Copy the tensors; RunError for one of a type that files can't hold."""
        for name, tensor in tensors.items():
            if tensor.dtype not in _DTYPES or tensor.layout != torch.strided:
                kind = f"{tensor.dtype}, {tensor.layout}"
                raise RunError(
                    Problem(f"a checkpoint can't hold the tensor '{name}' ({kind})", mend="make it dense")
                )
        copied = {
            name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
            for name, tensor in tensors.items()
        }
        return cls(copied, dict(values))

    def write(self, path: Path, previous: Path | None = None) -> None:
        """Write the file so that a crash leaves the old one or the new one, which is read back and compared.

        previous: what the old file is kept as. RunError with the bytes needed where the disk doesn't take it.
        """
        chunks: list[bytes | memoryview] = [self._header(), *map(_bytes_of, self._ordered().values())]
        digest = hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
        chunks[0] = bytes(chunks[0]).replace(_sealed(_ZEROS), _sealed(digest.hexdigest()))
        try:
            write_chunks(path, chunks, _verify, previous)
        except OSError as error:
            size = sum(len(chunk) for chunk in chunks)
            free = shutil.disk_usage(path.parent).free
            raise RunError(
                Problem(
                    f"can't write the checkpoint, {size:,} bytes ({free:,} are free): {error.strerror}",
                    where=str(path),
                    mend="make room",
                )
            ) from error

    def _ordered(self) -> dict[str, Tensor]:
        """As safetensors puts them: the widest types first, so that all are aligned."""
        return dict(sorted(self.tensors.items(), key=lambda item: (-item[1].element_size(), item[0])))

    def _header(self) -> bytes:
        """The length of the header and the header, its digest zero."""
        entries: dict[str, Any] = {"__metadata__": {_VALUES: json.dumps(self.values), _DIGEST: _ZEROS}}
        end = 0
        for name, tensor in self._ordered().items():
            start, end = end, end + tensor.nbytes
            entries[name] = {
                "dtype": _DTYPES[tensor.dtype],
                "shape": list(tensor.shape),
                "data_offsets": [start, end],
            }
        header = json.dumps(entries, separators=(",", ":")).encode()
        header += b" " * (-len(header) % 8)
        return len(header).to_bytes(8, "little") + header


def _bytes_of(tensor: Tensor) -> memoryview:
    return memoryview(tensor.reshape(-1).view(torch.uint8).numpy())  # type: ignore[arg-type]  # a buffer


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Write tensors and plain values so that a crash leaves the old file or the new one."""
    Snapshot.of(tensors, values).write(path)


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors (on the CPU) and plain values. Nothing in the file is executed.

    Raises DamagedError for a file that is not byte for byte as it was written.
    """
    try:
        _verify(path)
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            values = json.loads(file.metadata()[_VALUES])
    except FileNotFoundError:
        raise RunError(Problem("there is no such checkpoint", where=str(path))) from None
    except (SafetensorError, ValueError, OSError) as error:
        raise DamagedError(Problem(f"the checkpoint can't be read: {error}", where=str(path))) from None
    return tensors, values


def read_newest(path: Path, previous: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The checkpoint at ``path``; where it is damaged or missing the previous one, which takes its name.

    None where there is neither. RunError where neither can be read.
    """
    if not path.exists() and not previous.exists():
        return None
    try:
        return read_checkpoint(path)
    except EpochalError as error:
        if not previous.exists():
            mend = "there is no earlier one; --again starts anew"
            raise RunError(*(Problem(each.what, each.where, mend) for each in error.problems)) from None
        content = read_checkpoint(previous)
        if isinstance(error, DamagedError):  # a missing one: the crash came between two names
            log.warning(f"{error}; the previous checkpoint is used")
    move(previous, path)
    return content


def _verify(path: Path) -> None:
    """ValueError where the bytes are not those that were written; FileNotFoundError where there are none."""
    with path.open("rb", buffering=0) as file:
        digest = hashlib.sha256()
        header = _read_header(file)
        found = _SEALED.findall(header)
        if len(found) != 1:
            raise ValueError("it is torn or damaged, or of another origin: it has no digest")
        digest.update(header.replace(_sealed(found[0].decode()), _sealed(_ZEROS)))
        while piece := file.read(_PIECE):
            digest.update(piece)
    if digest.hexdigest().encode() != found[0]:
        raise ValueError("it is torn or damaged: its bytes are not those that were written")


def _sealed(digest: str) -> bytes:
    return f'"{_DIGEST}":"{digest}"'.encode()


def _read_header(file: BinaryIO) -> bytes:
    length = file.read(8)
    size = int.from_bytes(length, "little")
    if len(length) < 8 or size > _LARGEST_HEADER:
        raise ValueError("it is torn or damaged, or of another origin: it has no header")
    return length + file.read(size)
