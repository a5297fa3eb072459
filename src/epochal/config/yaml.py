"""YAML 1.2 text to plain values with line numbers, and back.

Version 1.2 reads ``1e-3`` as a number and ``no`` as text. Dates stay text, since its core schema has none.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.representer import RoundTripRepresenter

from epochal.errors import ConfigError, Problem

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys of mappings and positions in lists, from the top."""

_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = (_TAG + "str", _TAG + "timestamp")
_NUMBER_TAGS = (_TAG + "bool", _TAG + "int", _TAG + "float", _TAG + "null")
_MERGE_TAG = _TAG + "merge"


def parse_yaml(text: str, name: str) -> tuple[Any, dict[KeyPath, int]]:
    """The plain value of a YAML document, and the line (from 1) of each key and list item.

    An empty document is None. name: stands before the line number in messages.
    Raises ConfigError with ``name:line`` for what is not YAML, for duplicate keys (all of them) and for
    tags and anchors that plain values cannot hold.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        raise ConfigError(_syntax_problem(error, text, name)) from None
    except YAMLError as error:
        raise ConfigError(Problem(str(error).partition("\n")[0], where=name)) from None
    if root is None:
        return None, {}
    reader = _NodeReader(yaml, name)
    value = reader.read(root, ())
    if reader.problems:
        raise ConfigError(*reader.problems)
    return value, reader.lines


class _NodeReader:
    """Reads the nodes of one document, collecting lines and problems on the way."""

    def __init__(self, yaml: YAML, name: str) -> None:
        self.yaml = yaml
        self.name = name
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []
        self._open: list[Node] = []

    def read(self, node: Node, path: KeyPath) -> Any:
        """The plain value of a node that stands at ``path``."""
        if any(node is parent for parent in self._open):
            return self._refuse(node, f"the anchor '&{node.anchor}' contains itself", "write the value out")
        self._open.append(node)
        try:
            if isinstance(node, ScalarNode):
                return self._scalar(node)
            if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
                return [self._item(item, (*path, i)) for i, item in enumerate(node.value)]
            if isinstance(node, MappingNode) and node.tag == _TAG + "map":
                return self._mapping(node, path)
            return self._refuse(node, f"the tag '{node.tag}' has no meaning here", "leave it out")
        finally:
            self._open.pop()

    def _item(self, node: Node, path: KeyPath) -> Any:
        self.lines[path] = node.start_mark.line + 1
        return self.read(node, path)

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str | int, Any]:
        values: dict[str | int, Any] = {}
        written: dict[str | int, int] = {}
        # what `<<` merges in comes first, so that the keys written here win
        for key_node, value_node in sorted(node.value, key=lambda pair: pair[0].tag != _MERGE_TAG):
            if key_node.tag == _MERGE_TAG:
                values.update(self._merged(value_node, path))
                continue
            key = self._key(key_node)
            line = key_node.start_mark.line + 1
            if key in written:
                self._refuse(key_node, f"the key '{key}' stands on line {written[key]} already", "keep one")
            written[key] = line
            self.lines[(*path, key)] = line
            values[key] = self.read(value_node, (*path, key))
        return values

    def _merged(self, node: Node, path: KeyPath) -> dict[str | int, Any]:
        """The keys of the mapping, or of the list of mappings (the first wins), after ``<<``."""
        sources = node.value if isinstance(node, SequenceNode) else [node]
        merged: dict[str | int, Any] = {}
        for source in reversed(sources):
            value = self.read(source, path)
            if isinstance(value, dict):
                merged.update(value)
            else:
                self._refuse(source, "only a mapping can be merged with '<<'")
        return merged

    def _key(self, node: Node) -> str | int:
        if not isinstance(node, ScalarNode):
            self._refuse(node, "a key must be a single word", "put a value that holds ': ' or '{' in quotes")
            return "?"
        key = self._scalar(node)
        return key if type(key) is int else str(node.value)

    def _scalar(self, node: ScalarNode) -> Any:
        if node.tag in _TEXT_TAGS:
            return str(node.value)
        if node.tag not in _NUMBER_TAGS:
            mend = "put the text in quotes" if str(node.tag).startswith("!") else ""
            return self._refuse(node, f"the tag '{node.tag}' has no meaning here", mend)
        try:
            return self.yaml.constructor.construct_object(node)
        except (ValueError, YAMLError):  # such as `!!int ten`
            return self._refuse(node, f"'{node.value}' does not fit the tag '{node.tag}'")

    def _refuse(self, node: Node, what: str, mend: str = "") -> None:
        self.problems.append(Problem(what, f"{self.name}:{node.start_mark.line + 1}", mend))


def _syntax_problem(error: MarkedYAMLError, text: str, name: str) -> Problem:
    """One line from ruamel's several."""
    mark = error.problem_mark or error.context_mark
    line_number = mark.line + 1 if mark else 1
    lines = text.splitlines()
    line = lines[line_number - 1] if line_number <= len(lines) else ""
    what, mend = " ".join(str(error.problem).split()), ""
    if "'\\t'" in what:
        what, mend = "a tab stands where only spaces may", "indent with spaces"
    elif "cannot start any token" in what or "alias" in what:
        mend = "put the text in quotes"
    elif "mapping values are not allowed" in what:
        what = f"a second ': ' or a wrong indentation in '{line.strip()}'"
        mend = "put text with ': ' in quotes, or align the key with its neighbours"
    elif "<block end>" in what or "<document start>" in what:
        what = f"'{line.strip()}' does not continue what stands above it"
        mend = "align it with the lines that it belongs to"
    elif "'<stream end>'" in what or "unexpected end" in what:
        what = "a bracket or quote that is opened here or above is never closed"
        line_number = error.context_mark.line + 1 if error.context_mark else line_number
    elif "another document" in what:
        what, mend = "a second document begins at '---'", "keep one document a file"
    return Problem(what, f"{name}:{line_number}", mend)


def dump_yaml(values: Mapping[str, Any]) -> str:
    """YAML text of plain values that :func:`parse_yaml` reads back as equal values.

    Lists of plain values, and short components, stand on one line.
    """
    yaml = YAML()
    yaml.width = 4096  # a long text is not folded
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.Representer = _Representer
    stream = io.StringIO()
    yaml.dump(_styled(values), stream)
    return stream.getvalue()


class _Representer(RoundTripRepresenter):
    """Writes ``null`` where ruamel leaves a value empty."""


_Representer.add_representer(type(None), lambda self, _: self.represent_scalar(_TAG + "null", "null"))


def _styled(value: Any) -> Any:
    if isinstance(value, Mapping):
        mapping = CommentedMap((key, _styled(item)) for key, item in value.items())
        if not value or ("name" in value and _is_flat(value.values()) and len(str(dict(value))) < 100):
            mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, list | tuple):
        sequence = CommentedSeq(_styled(item) for item in value)
        if _is_flat(value):
            sequence.fa.set_flow_style()
        return sequence
    return value


def _is_flat(values: Any) -> bool:
    """Whether no value holds others, or only lists of plain ones."""
    return not any(
        isinstance(value, Mapping) or (isinstance(value, list | tuple) and not _is_plain_list(value))
        for value in values
    )


def _is_plain_list(values: list[Any] | tuple[Any, ...]) -> bool:
    return not any(isinstance(value, Mapping | list | tuple) for value in values)
