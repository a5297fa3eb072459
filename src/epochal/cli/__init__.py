"""The command line: parse, call, print."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """What ``epochal`` in a shell runs."""
    # before torch is loaded: between operators, threads that spin would starve whatever else computes
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from epochal.cli.errors import run_command
    from epochal.cli.group import epochal

    sys.exit(run_command(epochal))
