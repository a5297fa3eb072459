"""``epochal train --profile``."""

from __future__ import annotations

import json
import math
from pathlib import Path

import polars as pl
from shell import Shell


def test_where_the_time_went(tmp_path: Path) -> None:
    done = Shell(tmp_path).run("train", "digits", "training.epochs=1", "tracking=[]", "--profile")
    assert "where the time went:" in done.stderr
    assert "of one repeated batch" in done.stderr
    run = Shell(tmp_path).only_run("digits")
    assert "samples/s; " in (run / "run.log").read_text().splitlines()[-1]
    phases = pl.read_csv(run / "profile" / "phases.csv")
    assert {"data", "forward", "backward", "optimizer", "evaluation", "checkpoint"} <= set(phases["PHASE"])
    assert math.isclose(sum(phases["SHARE"].to_list()), 1, abs_tol=1e-6)
    trace = json.loads((run / "profile" / "trace.json").read_text())
    assert any("conv" in str(event.get("name")) for event in trace["traceEvents"])
