"""The verbs of the command line, each imported only when it is called."""

from __future__ import annotations

from importlib import import_module

import click

from epochal import __version__
from epochal.dotenv import read_dotenv
from epochal.errors import did_you_mean

# verb -> (module with the attribute `command`, what the list of verbs says), in the order of a project's life
VERBS = {
    "init": ("epochal.cli.init", "Write a project of your own, which trains on its first command."),
    "inspect": ("epochal.cli.inspect", "Look at the data: splits, classes, statistics."),
    "data": ("epochal.cli.data", "Take a snapshot of data that git can hold, and say what changed."),
    "train": ("epochal.cli.train", "Train a model as a config says, and test it."),
    "crossval": ("epochal.cli.crossval", "Train on k folds, each tested on what it did not see."),
    "sweep": ("epochal.cli.sweep", "Train every combination of some values, and compare them."),
    "evaluate": ("epochal.cli.evaluate", "Score a trained model on a split or on new data."),
    "predict": ("epochal.cli.predict", "Predict files or tables with a trained model."),
    "runs": ("epochal.cli.runs", "List runs with their status and scores."),
    "compare": ("epochal.cli.compare", "Compare runs, and say whether a difference is more than chance."),
    "report": ("epochal.cli.report", "One HTML file about a run, a cross-validation or several runs."),
    "config": ("epochal.cli.config", "Show a config in full, its JSON Schema, the bundled recipes."),
    "doctor": ("epochal.cli.doctor", "Check the installation and what this machine offers."),
}

_EXAMPLES = (
    "epochal train digits",
    "epochal train configs/skin.yaml optimizer.lr=3e-4 training.epochs=20",
)


class VerbGroup(click.Group):
    """A group that knows its verbs by name, so that listing them imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The verbs in the order of a project's life."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb's command, imported now; None where there is no such verb."""
        if cmd_name not in VERBS:
            return None
        command = import_module(VERBS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb called; a usage error with the nearest verbs where there is none."""
        if args[0] not in VERBS and not args[0].startswith("-"):
            raise click.UsageError(f"there is no verb '{args[0]}'; {did_you_mean(args[0], VERBS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the verbs' lines from the table."""
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, line) for verb, (_, line) in VERBS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the examples, as they are typed."""
        with formatter.section("Examples"):
            for example in _EXAMPLES:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        formatter.write_paragraph()
        formatter.write_text("CONFIG is a YAML file or a recipe of 'epochal config recipes'.")
        formatter.write_text("'epochal VERB --help' says what a verb takes.")


@click.group(
    cls=VerbGroup,
    subcommand_metavar="VERB ...",
    options_metavar="",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="epochal %(version)s")
def epochal() -> None:
    """From a folder of data to a trained, tested, predicting model."""
    read_dotenv()  # before torch is loaded, which reads its own variables then
