"""Scripts and the files of tools that are generated can be read by what reads them."""

from __future__ import annotations

import subprocess

from rendered import every_template, rendered
from ruamel.yaml import YAML

from epochal.scaffold.pins import tool_version


@every_template
def test_scripts_are_bash(kind: str) -> None:
    files = rendered(kind)
    scripts = {name: text for name, text in files.items() if name.endswith(".sh")}
    assert set(scripts) == {"scripts/slurm.sh", "scripts/sweep.sh"}
    for name, text in scripts.items():
        assert text.startswith("#!/usr/bin/env bash\n")
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
        assert done.stderr == "", name
    directives = [line for line in scripts["scripts/slurm.sh"].splitlines() if line.startswith("#SBATCH")]
    assert {line.split("=")[0] for line in directives} >= {f"#SBATCH --{name}" for name in ("signal", "time")}
    assert "#SBATCH --requeue" in directives


@every_template
def test_what_ci_calls_the_makefile_has(kind: str) -> None:
    files = rendered(kind)
    workflow = YAML(typ="safe").load(files[".github/workflows/ci.yml"])
    (job,) = workflow["jobs"].values()
    targets = {line.split(":")[0] for line in files["Makefile"].splitlines() if line and line[0].isalpha()}
    called = [step["run"].split() for step in job["steps"] if "run" in step]
    assert {word for _, *words in called for word in words} <= targets
    assert all("@v" in step["uses"] for step in job["steps"] if "uses" in step)


@every_template
def test_the_linter_is_the_same_at_each_commit_and_in_the_environment(kind: str) -> None:
    files = rendered(kind)
    hooks = YAML(typ="safe").load(files[".pre-commit-config.yaml"])["repos"]
    version = tool_version("ruff")
    assert next(hook["rev"] for hook in hooks if "ruff" in hook["repo"]) == f"v{version}"
    lines = files["requirements.txt"].splitlines()
    assert f"ruff=={version}" in lines
    assert {line.split("==")[0] for line in lines} >= {"pytest", "pre-commit", "torch"}
