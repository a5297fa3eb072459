"""What a page names of epochal: command lines, options, Python names, targets of make."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec

import click
from blocks import REPOSITORY, Block, Span, blocks, prose, spans
from terminal import entries

import epochal
from epochal.cli.group import VERBS
from epochal.cli.group import epochal as program

_OPTION = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*(?![\w.-])")
_LONG = re.compile(r"(?<![\w-])--[a-z][a-z-]*(?![\w.-])")
_OPERATORS = {";", "|", "||", "&", "&&", "(", ")", ">", ">>", "<"}
_PLACEHOLDER = re.compile(r"[A-Z]+|\W+")


def unknown(page: str) -> list[str]:
    """What a page names that is not there, each with its place."""
    found = [*_of_blocks(page), *_of_spans(page)]
    return [f"{page}:{line}: {problem}" for line, problem in found]


def _of_blocks(page: str) -> Iterator[tuple[int, str]]:
    for block in blocks(page):
        if block.language not in ("console", "sh") or block.path:
            continue
        for line, command in _commands(block):
            for words in _simple_commands(command):
                if words[0] == "epochal":
                    yield from ((line, problem) for problem in _wrong_command(words[1:]))
                elif words[0] == "make":
                    yield from ((line, problem) for problem in _wrong_targets(words[1:]))


def _of_spans(page: str) -> Iterator[tuple[int, str]]:
    # what others call their options stands in the pages for those who come from there
    is_ours = not page.startswith("docs/coming-from/")
    for span in spans(page):
        for problem in _wrong_span(span, is_ours=is_ours):
            yield span.line, problem
    for span in prose(page):
        for option in _LONG.findall(span.text) if is_ours else ():
            yield from ((span.line, problem) for problem in _wrong_option(option, "", span.text))


def _wrong_span(span: Span, *, is_ours: bool) -> Iterator[str]:
    words = re.sub(r"[][()]", " ", span.text).split()
    if span.text.startswith("epochal "):
        yield from _wrong_command(words[1:])
    elif span.text.startswith("make "):
        yield from _wrong_targets(words[1:])
    elif span.text.startswith("-") and is_ours:
        row = span.row.split()
        for option in _OPTION.findall(span.text):
            yield from _wrong_option(option, row[1] if row[:1] == ["epochal"] and row[1:] else "", span.text)
    for name in re.findall(r"(?<![\w.@/-])epochal\.(\w+)", span.text):
        if name not in epochal.__all__ and not find_spec(f"epochal.{name}"):
            yield f"there is no epochal.{name}"


def _wrong_command(words: list[str]) -> Iterator[str]:
    """What is wrong with ``epochal WORDS``: a verb, one of its own verbs, an option."""
    if not words or _PLACEHOLDER.fullmatch(words[0]) or words[0].startswith("-"):
        return
    verb, *rest = words
    if verb not in VERBS:
        yield f"there is no verb: epochal {verb}"
        return
    commands = [_command(verb)]
    if isinstance(commands[0], click.Group) and rest and not rest[0].startswith("-"):
        group, names = commands[0], re.split(r"\\?\|", rest[0])
        yield from (
            f"there is no verb: epochal {verb} {name}" for name in names if name not in group.commands
        )
        commands = [group.commands[name] for name in names if name in group.commands]
    options = {"--help", "-h"}.union(*(_options(command) for command in commands))
    for word in rest:
        name = word.partition("=")[0]
        if _OPTION.fullmatch(name) and name not in options:
            yield f"epochal {verb} takes no {name}"


def _wrong_option(option: str, verb: str, text: str) -> Iterator[str]:
    """An option alone: of the verb that its row of a table is about, else of any."""
    verbs = [verb] if verb in VERBS else [*VERBS]
    known = {"--help", "-h", "--version"}.union(*(_options(_command(each)) for each in verbs))
    if option not in known:
        yield f"epochal {verb or 'VERB'} takes no {option} ('{text}')"


def _wrong_targets(words: list[str]) -> Iterator[str]:
    """Targets of this repository's Makefile and of the projects that `epochal init` writes."""
    files = [REPOSITORY / "Makefile", *(REPOSITORY / "src" / "epochal" / "scaffold").rglob("*Makefile*")]
    targets = {name for file in files for name in re.findall(r"^([\w-]+):", file.read_text(), re.MULTILINE)}
    for word in words:
        if re.fullmatch(r"[a-z][\w-]*", word) and word not in targets:
            yield f"there is no target: make {word}"


def _command(verb: str) -> click.Command:
    assert isinstance(program, click.Group)
    command = program.get_command(click.Context(program), verb)
    assert command is not None
    return command


def _options(command: click.Command) -> set[str]:
    """Of a command, or of all commands of a group."""
    if isinstance(command, click.Group):
        return set().union(*(_options(each) for each in command.commands.values()))
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


def _commands(block: Block) -> Iterator[tuple[int, str]]:
    if block.language == "console":
        yield from ((block.line + entry.line, entry.command) for entry in entries(block.text))
        return
    lines = block.text.replace("\\\n", "  ").split("\n")
    yield from ((block.line + number, line) for number, line in enumerate(lines))


def _simple_commands(command: str) -> Iterator[list[str]]:
    """``a=1 epochal x | head`` -> the words of ``epochal x`` and of ``head``; comments are left out."""
    lexer = shlex.shlex(command.replace("\\\n", " "), posix=True, punctuation_chars=True)
    lexer.wordchars += "{}[]:,@%^+!"
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word in _OPERATORS:
            if words:
                yield words
            words = []
        elif words or not re.fullmatch(r"\w+=.*|\$|exec|time|nohup|srun|env", word):
            words.append(word)
