"""Options that several verbs share."""

from __future__ import annotations

import click

quiet_option = click.option("--quiet", "-q", is_flag=True, help="Show only warnings and the result.")
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON on standard output."
)
runs_option = click.option("--runs", default="runs", show_default=True, help="The folder of run folders.")
device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps."
)
