"""``epochal`` for the shells of the pages: each command is a fork of one process that has all imported.

A fresh process needs seconds of a core to import torch and what plots and TensorBoard load; a fork needs
none, and its modules, signals, working folder, environment and standard streams are its own as in a fresh
process. One thing would show: the command line looks for simple mistakes before it loads torch, so torch
is hidden until somebody imports it. And pictures are composed and written but stay white: to lay out and draw
them is nine tenths of a small run's time.

``python forked.py serve SOCKET`` is that process, which ends with its standard input; ``python forked.py call
SOCKET ARGUMENT...`` is a command: it hands over its streams, passes signals on and ends as the fork ends.
"""

from __future__ import annotations

import array
import json
import os
import select
import signal
import socket
import sys
from types import ModuleType

MODULES = (
    "epochal.cli.group",
    "epochal.experiment.check",
    "epochal.experiment.pictures",
    "epochal.models.simple_cnn",
    "epochal.models.mlp",
    "epochal.recipes",
    "epochal.reporting",
    "epochal.tasks.classification",
    "epochal.tasks.curves",
    "epochal.tracking.hook",
    "epochal.tracking.tensorboard",
    "epochal.verbs.crossval",
    "epochal.verbs.evaluate",
    "epochal.verbs.inspect",
    "epochal.verbs.predict",
    "epochal.verbs.train",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "sklearn.datasets",
    "tensorboard.compat.proto",
)
WITH = "EPOCHAL_PAGE_WITH"
"""Overrides, as JSON, that a page's commands get in the tests so that they are quick."""
TAKE_OVERRIDES = ("train", "crossval", "sweep", "inspect")
_STREAMS = 3


def serve(path: str) -> None:
    """Fork a command for each caller, until standard input ends."""
    from importlib import import_module

    for name in MODULES:
        import_module(name)
    setattr(import_module("matplotlib.figure").Figure, "draw", lambda *_: None)  # noqa: B010 (mypy guards it)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait for the commands
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)  # noqa: T201 (the answer)
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            caller, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _command(caller)
            caller.close()


def _command(caller: socket.socket) -> None:
    """Be the command that a caller asks for, in a child that this process waits for; it does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, streams, _, _ = socket.recv_fds(caller, 1 << 20, _STREAMS)
    request = json.loads(message)
    child = os.fork()
    if child:
        for stream in streams:
            os.close(stream)
        caller.sendall(f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        caller.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    caller.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["epochal", *request["arguments"]]
    sys.path[0] = str(os.path.dirname(sys.executable))  # as the installed script has it
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell runs in the background
    code = 1
    try:
        sys.meta_path.insert(0, _Hidden(sys.modules.pop("torch")))  # type: ignore[arg-type]
        from epochal.cli import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class _Hidden:
    """Finds a module that is loaded already, as if it was imported now."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def find_spec(self, name: str, *_: object) -> object:
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self) if name == self._module.__name__ else None  # type: ignore[arg-type]

    def create_module(self, _: object) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec
        sys.meta_path.remove(self)  # type: ignore[arg-type]


def call(path: str, arguments: list[str]) -> int:
    """Have the arguments run; the exit code."""
    environment = dict(os.environ)
    more = json.loads(environment.pop(WITH, "[]"))
    if more and arguments[:1] and arguments[0] in TAKE_OVERRIDES:
        arguments = [*arguments, *more]
    request = {"folder": os.getcwd(), "environment": environment, "arguments": arguments}
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        streams = array.array("i", range(_STREAMS))
        server.sendmsg([json.dumps(request).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
        answers = server.makefile()
        child = int(answers.readline())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, lambda number, _: os.kill(child, number))
        code = int(answers.readline())
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        sys.exit(call(sys.argv[2], sys.argv[3:]))
