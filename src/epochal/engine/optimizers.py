"""Every torch.optim class by name, with parameter groups."""

from __future__ import annotations

import fnmatch
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

from epochal.config.component import Registry, check_arguments
from epochal.engine.config import OptimizerConfig
from epochal.engine.sharding import is_part
from epochal.errors import ConfigError, Problem, did_you_mean
from epochal.models.pretrained import classifier_parameters

SUPPLIED = ("params",)
_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
_FUSED = ("Adam", "AdamW", "SGD")
_FUSED_ON_CPU = (*_FUSED, "Adagrad")
REFUSED = {
    "LBFGS": "LBFGS evaluates a batch several times a step, which the loop doesn't do",
    "SparseAdam": "SparseAdam takes sparse gradients only, which linear and convolutional layers don't have",
}


def _torch_optimizers() -> dict[str, type[torch.optim.Optimizer]]:
    base = torch.optim.Optimizer
    found = {name: value for name, value in vars(torch.optim).items() if inspect.isclass(value)}
    return {name: value for name, value in found.items() if issubclass(value, base) and value is not base}


def _find(name: str) -> Callable[..., Any] | None:
    by_lower = {known.lower(): value for known, value in _torch_optimizers().items()}
    return by_lower.get(name.lower())


def _names() -> Iterable[str]:
    return _torch_optimizers()


OPTIMIZERS = Registry("optimizer", {}, _find, _names)


def check_optimizer(config: OptimizerConfig) -> list[tuple[str, Problem]]:
    """What is wrong with the section, as (argument, problem), before anything is built."""
    function = OPTIMIZERS.resolve(config.name)
    name = getattr(function, "__name__", config.name)
    if name in REFUSED:
        return [("name", Problem(REFUSED[name], mend="use AdamW, Adam, SGD, ..."))]
    problems = check_arguments(function, name, config.arguments, SUPPLIED)
    for position, group in enumerate(config.groups):
        options = {key: value for key, value in group.items() if key != "parameters"}
        if "parameters" not in group:
            problems.append((f"groups.{position}", Problem("a group needs 'parameters', a pattern of names")))
        found = check_arguments(function, name, {**config.arguments, **options}, SUPPLIED)
        problems += [(f"groups.{position}.{key}", problem) for key, problem in found if key in options]
    if config.no_decay and "weight_decay" not in inspect.signature(function).parameters:
        problems.append(("no_decay", Problem(f"{name} has no weight decay", mend="leave no_decay out")))
    return problems


def build_optimizers(
    configs: Mapping[str, OptimizerConfig], model: nn.Module
) -> dict[str, torch.optim.Optimizer]:
    """An optimizer for each sub-module by its name; of the whole model under the name ``""``.

    ConfigError for a name that is none of a sub-module, and for a parameter that none or two of them train.
    """
    parts = dict(model.named_modules())
    if unknown := [name for name in configs if name not in parts]:
        children = [name for name, _ in model.named_children()]
        raise ConfigError(
            *(
                Problem(
                    f"the model has no sub-module '{name}'",
                    where=f"optimizer.{name}",
                    mend=did_you_mean(name, children) or f"it has {', '.join(children) or 'none'}",
                )
                for name in unknown
            )
        )
    trained: dict[nn.Parameter, list[str]] = {}
    for name in configs:
        for parameter in parts[name].parameters():
            trained.setdefault(parameter, []).append(name)
    for name, parameter in model.named_parameters():
        by = trained.get(parameter, [])
        if parameter.requires_grad and len(by) != 1:
            who = f"{len(by)} optimizers, {' and '.join(by)}," if by else "no optimizer"
            what = f"{who} {'train' if by else 'trains'} the parameter '{name}'"
            mend = "each belongs to one; what is not to be trained has requires_grad = False"
            raise ConfigError(Problem(what, "optimizer", mend))
    return {
        name: build_optimizer(config, parts[name], f"optimizer.{name}" if name else "optimizer")
        for name, config in configs.items()
    }


def build_optimizer(
    config: OptimizerConfig, model: nn.Module, where: str = "optimizer"
) -> torch.optim.Optimizer:
    """The optimizer over every parameter that asks for a gradient, in groups; where: its key."""
    function = OPTIMIZERS.resolve(config.name)
    arguments = config.arguments
    name = getattr(function, "__name__", "")
    groups = parameter_groups(config, model, where)
    if _can_fuse(name, groups) and not {"fused", "foreach", "differentiable"} & arguments.keys():
        arguments["fused"] = True  # one kernel a step instead of a dozen
    try:
        optimizer = function(groups, **arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(Problem(f"{name or config.name}: {error}", where=where)) from None
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ConfigError(Problem(f"'{config.name}' gave no torch.optim.Optimizer", where=where))
    return optimizer


def plain_step(optimizer: torch.optim.Optimizer) -> Callable[[], object]:
    """``optimizer.step`` without its wrappers, where they do nothing; the numbers are the same.

    The wrappers, for profilers, hooks and the compiler, cost as much as a fused step of a small model, and
    load torch._dynamo. An optimizer that is not torch's own, or that has hooks, keeps them.
    """
    step = type(optimizer).step
    hooked = (
        optimizer._optimizer_step_pre_hooks
        or optimizer._optimizer_step_post_hooks
        or _global_optimizer_pre_hooks
        or _global_optimizer_post_hooks
    )
    if hooked or not step.__module__.startswith("torch.optim") or optimizer.defaults.get("differentiable"):
        return optimizer.step
    bare = inspect.unwrap(step)

    @torch.no_grad()
    def run() -> None:
        bare(optimizer)
        optimizer._opt_called = True  # type: ignore[attr-defined]  # which schedules want to see

    return run


def _can_fuse(name: str, groups: list[dict[str, Any]]) -> bool:
    """Whether torch has a fused kernel for this class, and for all of these parameters."""
    parameters = [parameter for group in groups for parameter in group["params"]]
    on_cpu = all(parameter.device.type == "cpu" for parameter in parameters)
    if any(is_part(parameter) for parameter in parameters):
        return False
    real = all(parameter.is_floating_point() for parameter in parameters)
    return real and name in (_FUSED_ON_CPU if on_cpu else _FUSED)


def parameter_groups(
    config: OptimizerConfig, model: nn.Module, where: str = "optimizer"
) -> list[dict[str, Any]]:
    """Parameters by the options that hold for them: ``groups``, ``backbone_lr``, ``no_decay``."""
    head = classifier_parameters(model) if config.backbone_lr is not None else set()
    undecayed = _undecayed(model) if config.no_decay else set()
    grouped: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    used: set[int] = set()
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        options: dict[str, Any] = {}
        if config.backbone_lr is not None and name not in head:
            options["lr"] = config.backbone_lr
        if name in undecayed:
            options["weight_decay"] = 0.0
        for position, group in enumerate(config.groups):
            if fnmatch.fnmatchcase(name, str(group["parameters"])):
                options |= {key: value for key, value in group.items() if key != "parameters"}
                used.add(position)
                break
        key = tuple(sorted((option, repr(value)) for option, value in options.items()))
        grouped.setdefault(key, {"params": [], **options})["params"].append(parameter)
    for position, group in enumerate(config.groups):
        if position not in used:
            names = ", ".join(name for name, _ in list(model.named_parameters())[:6])
            raise ConfigError(
                Problem(
                    f"no parameter is left that '{group['parameters']}' matches",
                    where=f"{where}.groups.{position}",
                    mend=f"the first group that matches wins; names are such as {names}",
                )
            )
    if not grouped:
        part = "the model" if where == "optimizer" else f"'{where.removeprefix('optimizer.')}'"
        raise ConfigError(Problem(f"{part} has no parameter to train", where="model"))
    return list(grouped.values())


def _undecayed(model: nn.Module) -> set[str]:
    """Names of biases and of the parameters of normalisation layers."""
    names = {name for name, _ in model.named_parameters() if name.rsplit(".", 1)[-1] == "bias"}
    for prefix, module in model.named_modules():
        if isinstance(module, _NORMS):
            names |= {
                f"{prefix}.{name}" if prefix else name for name, _ in module.named_parameters(recurse=False)
            }
    return names
