"""From an exception to what a person reads on standard error, and to the exit code."""

from __future__ import annotations

import errno
import os
import re
import select
import sys
import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import epochal
from epochal.errors import EpochalError, Interrupted
from epochal.secrets import redacted

PROGRAM = "epochal"
DEBUG = "EPOCHAL_DEBUG"

_COMPLETE = "_EPOCHAL_COMPLETE"
_NO_ARGUMENTS: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())  # click 8.2 and later
_INTERRUPTED = 130
_UNWRITABLE = {
    errno.ENOSPC: "make room, or write to another disk",
    errno.EDQUOT: "make room, or write to another disk",
    errno.EROFS: "write to another place",
    errno.EACCES: "mend the permissions, or name another place",
}
_BROKEN_PIPE = 141  # what a shell reports for a program that SIGPIPE ended


def run_command(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a command with the given arguments, or the process's; print what went wrong; the exit code.

    An integer that the command returns is its exit code. Nothing but SystemExit gets out.
    """
    if os.environ.get(_COMPLETE):
        from click.shell_completion import shell_complete  # of use only when a shell asks

        return shell_complete(command, {}, PROGRAM, _COMPLETE, os.environ[_COMPLETE])
    try:
        # click's own `main` would take an EOFError for Ctrl-C and hide every broken pipe, a worker's too
        with command.make_context(PROGRAM, list(sys.argv[1:] if arguments is None else arguments)) as context:
            result = command.invoke(context)
        code = result if isinstance(result, int) else 0
    except SystemExit:
        raise
    except BaseException as error:
        code = _report(error)
    return _flush(code)


def _report(error: BaseException) -> int:
    """Print one line for each mistake, and no traceback unless it is asked for; the exit code."""
    # it is at the end of a command, so the import delays nothing that went well

    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, EpochalError):
        for problem in error.problems:
            _print_error(" ".join(str(problem).split("\n")))
        return error.exit_code
    if isinstance(error, click.ClickException):
        return _report_usage(error)
    if isinstance(error, Interrupted):  # said where it was noticed, with the way to go on
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):
        click.echo("\ninterrupted", err=True)
        return _INTERRUPTED
    if isinstance(error, BrokenPipeError) and _is_output_closed():
        return _BROKEN_PIPE
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    if isinstance(error, OSError) and (number := _number(error)) in _UNWRITABLE:
        where = "" if error.filename is None else f"{error.filename}: "
        _print_error(f"{where}{os.strerror(number)}; {_UNWRITABLE[number]}")
        return 1
    _print_error(*_unexpected(error))
    return 1


def _report_usage(error: click.ClickException) -> int:
    if isinstance(error, _NO_ARGUMENTS):
        error.show()  # the help
        return 2
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(error.ctx.get_usage(), err=True)
        click.echo(f"Try '{error.ctx.command_path} --help'.\n", err=True)
    _print_error(error.format_message())
    return error.exit_code


def _print_error(message: str, label: str = "error") -> None:
    colour = False if os.environ.get("NO_COLOR") else None  # None: where standard error is a terminal
    click.echo(f"{click.style(f'{label}:', fg='red', bold=True)} {redacted(message)}", err=True, color=colour)


def _number(error: OSError) -> int:
    """What the system calls the error; polars says it in words only. 0 where it is not known."""
    said = re.search(r"\(os error (\d+)\)", str(error))
    return error.errno or (int(said[1]) if said else 0)


def _unexpected(error: BaseException) -> tuple[str, str]:
    """One line about a bug, and its label: internal where it is in epochal, not in the user's own code."""
    frames = traceback.extract_tb(error.__traceback__)
    package = str(Path(epochal.__file__).parent)
    libraries = tuple(sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib"))
    written_here = [
        frame
        for frame in frames
        if frame.filename.startswith(package) or not frame.filename.startswith((*libraries, "<"))
    ]
    frame = written_here[-1] if written_here else frames[-1]
    text = next(iter(str(error).splitlines()), "")
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    place = f"{frame.filename}:{frame.lineno}, in {frame.name}"
    hint = "" if os.environ.get(DEBUG) else f"; {DEBUG}=1 shows the traceback"
    label = "internal error" if frame.filename.startswith(package) else "error"
    return f"{message} ({place}){hint}", label


def _is_output_closed() -> bool:
    """Whether nobody reads standard output any more, as after ``| head``."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):  # it is no file, but an object that a caller put there
        return False
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _flush(code: int) -> int:
    """The exit code once all output is written; nothing is left for Python to complain about at its end."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    return code
