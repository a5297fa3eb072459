"""The command line: parse, call, print."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """What ``epochal`` in a shell runs."""
    from epochal.cli.errors import run_command
    from epochal.cli.group import epochal

    sys.exit(run_command(epochal))
