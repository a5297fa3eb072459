"""What a page says is printed, against what really is."""

from __future__ import annotations

import difflib
import re

_RUN = re.compile(r"\d{4}-\d{2}-\d{2}_\d{2}-\d{2}-\d{2}_[0-9a-f]{8}")
_ID = re.compile(r"(?<![\w.])(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8}\b")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2})?)?")
_NUMBER = re.compile(r"((?<![\w.])[-+])?\d[\d,]*(\.\d+)?(e[-+]?\d+)?")
_DURATION = re.compile(r"(<number> (ms|s|min|h|d|seconds?|minutes?|hours?)( |\b))+")
_SIZE = re.compile(r"<number> ([KMG]i?)?B\b")
_BEST = re.compile(r"(epoch .*<duration>) best$")
_SHARES = re.compile(r"\((\w+ <number>%(, )?)+\)")
_PREDICTED = re.compile(r"(<number>[^,]*),[^,]+((,<number>)+)$")
_ANY = "..."


def difference(expected: str, real: str) -> str:
    """Nothing where the output is as expected, else both side by side as a unified diff.

    A line ``...`` stands for any number of lines; any number, duration, size, date and run id equals any
    other; blanks are one, and none at the end of a line. Not compared are whether an epoch was the best, what
    took the most time, and which class a small network predicts, for they differ between machines.
    """
    wanted = [placeholders(line) for line in expected.strip("\n").split("\n")]
    pattern = "".join(r"(?:.*\n)*?" if line == _ANY else re.escape(line) + r"\n" for line in wanted)
    found = [placeholders(line) for line in real.strip("\n").split("\n")]
    if re.fullmatch(pattern, "".join(line + "\n" for line in found)):
        return ""
    return "\n".join(difflib.unified_diff(wanted, found, "on the page", "really printed", "", "", 2, ""))


def placeholders(line: str) -> str:
    """A line with placeholders for what differs from run to run."""
    line = " ".join(line.split())
    for pattern, name in ((_RUN, "<run>"), (_ID, "<id>"), (_DATE, "<date>"), (_NUMBER, "<number>")):
        line = pattern.sub(name, line)
    line = _SIZE.sub("<size>", _DURATION.sub(lambda found: "<duration>" + found[3], line))
    line = _PREDICTED.sub(r"\1,<class>\2", _SHARES.sub("(<shares>)", line))
    return _BEST.sub(r"\1", line)
