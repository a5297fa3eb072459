"""``epochal predict``."""

from __future__ import annotations

import click

from epochal.cli.options import device_option, quiet_option, runs_option


@click.command("predict")
@click.argument("run")
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@click.option("--text", "texts", multiple=True, metavar="TEXT", help="A text itself; may be given again.")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    help="A .csv, .parquet or .jsonl file, or a folder for masks; else a CSV on standard output. "
    "Of segmentation, a file's masks lie in a folder of its name.",
)
@click.option(
    "--batch-size", default=128, show_default=True, type=click.IntRange(min=1), help="Samples at once."
)
@runs_option
@device_option
@quiet_option
def command(
    run: str,
    inputs: tuple[str, ...],
    texts: tuple[str, ...],
    output: str | None,
    batch_size: int,
    runs: str,
    device: str,
    quiet: bool,
) -> None:
    """Predict for INPUTs: images or texts, folders of them, tables, .npy and .npz arrays.

    RUN is a run folder, its id, an experiment's name (its newest run) or `latest`.
    """
    if bool(inputs) == bool(texts):
        raise click.UsageError("give INPUTs, or texts by --text")
    from epochal.verbs.predict import predict  # torch loads here, after the arguments are parsed

    table = predict(
        run,
        list(inputs),
        texts=texts or None,
        output=output,
        runs=runs,
        device=device,
        batch_size=batch_size,
        quiet=quiet,
    )
    if output is None:
        click.echo(table.write_csv(), nl=False)
    elif not quiet:
        click.echo(f"{len(table)} predictions written to {output}")
