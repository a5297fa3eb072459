"""Where NaN or infinity came from, when the loss of a step was found to be one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from epochal.data.batch import Batch
from epochal.data.foreign import forked_generators
from epochal.tasks.task import Task

Names = Callable[[int], str]
Autocast = Callable[[], AbstractContextManager[object]]

_SHOWN = 8


def explain_data(batch: Batch, names: Names) -> str:
    """Which inputs or targets of a batch are NaN or infinite, in a sentence; empty where none are.

    names: the name of a sample from its row in the manifest.
    """
    for what, values in (("inputs", batch.inputs), ("targets", batch.targets)):
        if rows := _rows_not_finite(values, len(batch)):
            return f"the {what} of {_named(rows, batch, names)} are not finite"
    return ""


def explain(model: nn.Module, task: Task, batch: Batch, autocast: Autocast, names: Names) -> str:
    """What made the loss of this batch of finite data NaN or infinite, in words that continue a sentence.

    Called after the forward pass that gave the loss and before the optimiser's step: the forward pass is
    repeated in the mode that the model is in, and every module's output is looked at. Of several processes
    all call it, for norms compute together. Buffers and generators stay as they are.
    """
    with forked_generators(batch.inputs.device), torch.no_grad():
        found = _forward(model, task, batch, autocast)
    if found.culprit is not None:
        return found.culprit.words(batch, names)
    largest = f"all outputs are finite (largest {_largest(found.outputs):.2g})"
    if torch.isfinite(found.loss).all():
        what = f"finite in a second forward pass of the same batch ({largest}, the loss is {found.loss:.4g})"
        return f"it is {what}; it depends on random draws, or on what the model keeps outside its buffers"
    rows = _rows_of_loss(task, found.outputs, batch.targets)
    place = f" for {_named(rows, batch, names)}" if 0 < len(rows) < len(batch) else ""
    return f"{largest}; the loss is not{place}"


def sample_list(rows: Iterable[int], names: Names) -> str:
    """The names of all samples of a batch, in a line."""
    return "the batch: " + ", ".join(names(row) for row in dict.fromkeys(rows))


@dataclass(frozen=True)
class _Culprit:
    """The first module whose output was not finite while its inputs were.

    largest: of its inputs. weights: names of its parameters that are not finite. rows: positions in the
    batch whose outputs are not finite, empty where these are all. inner: it has modules inside, which
    are not where it began.
    """

    name: str
    kind: str
    dtype: torch.dtype
    largest: float
    weights: tuple[str, ...]
    rows: tuple[int, ...]
    inner: bool

    def words(self, batch: Batch, names: Names) -> str:
        """The finding as a sentence without a full stop."""
        module = f"{self.name} ({self.kind})" if self.name else f"the model itself ({self.kind})"
        text = f"{module} is the first whose output is not finite"
        if self.dtype in (torch.float16, torch.bfloat16):
            text += f" in {str(self.dtype).removeprefix('torch.')} (up to {torch.finfo(self.dtype).max:.2g})"
        if self.rows:
            text += f", for {_named(self.rows, batch, names)}"
        text += f"; its inputs are (largest {self.largest:.2g})"
        if self.weights:
            shown = ", ".join(self.weights[:_SHOWN])
            return f"{text}; its weights ({shown}) are not finite: the gradients of an earlier step were not"
        return f"{text}; it happens in its own forward, not in a module inside it" if self.inner else text


@dataclass(frozen=True)
class _Forward:
    """A forward pass. outputs: [B, ...] float32. culprit: None where the outputs are finite."""

    outputs: Tensor
    loss: Tensor
    culprit: _Culprit | None


def _forward(model: nn.Module, task: Task, batch: Batch, autocast: Autocast) -> _Forward:
    """One forward pass with every module watched."""
    culprits: list[_Culprit] = []
    names = {module: name for name, module in model.named_modules()}

    def watch(module: nn.Module, positional: Any, keywords: Any, outputs: Any) -> None:
        if culprits:
            return
        given = [each for each in _tensors((positional, keywords)) if not _is_mask(each)]
        bad = [each for each in _tensors(outputs) if not torch.isfinite(each).all()]
        if bad and all(torch.isfinite(each).all() for each in given):
            culprits.append(_culprit(names[module], module, given, bad[0], len(batch)))

    with _uncompiled(model), _kept_buffers(model):
        handles = [module.register_forward_hook(watch, with_kwargs=True) for module in names]
        try:
            with autocast():
                outputs = task.forward(model, batch)
        finally:
            for handle in handles:
                handle.remove()
        outputs = outputs.float()
        finite = bool(torch.isfinite(outputs).all())
        if not finite and not culprits:  # finite in the model, but not after it
            culprits.append(
                _culprit("task.forward, around the model", model, [batch.inputs], outputs, len(batch))
            )
        return _Forward(outputs, task.loss(outputs, batch.targets), None if finite else culprits[0])


def _culprit(name: str, module: nn.Module, given: list[Tensor], output: Tensor, size: int) -> _Culprit:
    rows = _rows_not_finite(output, size)
    return _Culprit(
        name=name,
        kind=type(module).__name__,
        dtype=output.dtype,
        largest=max((_largest(each) for each in given), default=0.0),
        weights=tuple(name for name, weight in module.named_parameters() if not torch.isfinite(weight).all()),
        rows=rows if len(rows) < size else (),
        inner=next(module.children(), None) is not None,
    )


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors of real or complex numbers in nested containers."""
    if isinstance(value, Tensor):
        if value.is_floating_point() or value.is_complex():
            yield value
    elif isinstance(value, Mapping):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)
    elif is_dataclass(value):
        yield from _tensors(list(vars(value).values()))


def _is_mask(tensor: Tensor) -> bool:
    """Whether this is what attention adds to its scores: minus infinity where nothing may be seen, else 0."""
    return bool(((tensor == 0) | (tensor == -torch.inf)).all()) if tensor.is_floating_point() else False


def _rows_not_finite(tensor: Tensor, size: int) -> tuple[int, ...]:
    """Positions in the batch, where the first dimension is the batch."""
    if tensor.ndim == 0 or len(tensor) != size:
        return ()
    finite = torch.isfinite(tensor).reshape(size, -1).all(dim=1)
    return tuple((~finite).nonzero()[:, 0].tolist())


def _rows_of_loss(task: Task, outputs: Tensor, targets: Tensor) -> tuple[int, ...]:
    """Positions of the samples whose loss, taken alone, is not finite; none where that can't be computed."""
    rows = []
    with suppress(Exception), torch.no_grad():  # a loss of the user's may need several samples
        for row in range(len(outputs)):
            part = slice(row, row + 1)
            if not torch.isfinite(task.loss(outputs[part], targets[part])).all():
                rows.append(row)
        return tuple(rows)
    return ()


def _largest(tensor: Tensor) -> float:
    return float(tensor.abs().max()) if tensor.numel() else 0.0


def _named(rows: tuple[int, ...], batch: Batch, names: Names) -> str:
    """``a.png, b.png and 3 more of the 32 samples``."""
    shown = ", ".join(names(int(batch.samples[row])) for row in rows[:_SHOWN])
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return f"{shown}{more} ({len(rows)} of the batch's {len(batch)} samples)"


@contextmanager
def _kept_buffers(model: nn.Module) -> Iterator[None]:
    """Buffers, such as the statistics of batch normalisation, are at the end what they were."""
    kept = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    try:
        yield
    finally:
        for module, name, buffer, values in kept:
            buffer.copy_(values)
            module._buffers[name] = buffer


@contextmanager
def _uncompiled(model: nn.Module) -> Iterator[None]:
    """Run what ``Module.compile`` compiled as it was written: compiled code calls no hooks inside."""
    calls = {module: module._compiled_call_impl for module in model.modules()}
    compiled = {module: call for module, call in calls.items() if call is not None}
    try:
        for module in compiled:
            module._compiled_call_impl = None
        yield
    finally:
        for module, call in compiled.items():
            module._compiled_call_impl = call
