"""The tree of the generated README: a line a file."""

from __future__ import annotations

from collections.abc import Collection

_LINES = {
    "configs/base.yaml": "every section, commented; the other configs extend it",
    "configs/debug.yaml": "a few batches, two epochs",
    "configs/wider.yaml": "an experiment: a wider network",
    "configs/sweep.yaml": "what scripts/sweep.sh trains in combinations",
    "src/PACKAGE/data.py": "a Dataset of your own",
    "src/PACKAGE/transforms.py": "transforms of your own, for samples and for batches",
    "src/PACKAGE/models.py": "the network",
    "src/PACKAGE/losses.py": "the loss",
    "src/PACKAGE/metrics.py": "a score of your own",
    "src/PACKAGE/gan.py": "the training step and its score",
    "data/raw/": "as it came; never written to; git ignores it",
    "data/interim/": "on the way",
    "data/processed/": "what the configs read",
    "notebooks/01-data.ipynb": "what the data is",
    "notebooks/02-results.ipynb": "runs, compared and drawn",
    "scripts/prepare_data.py": "data/raw -> data/processed",
    "scripts/slurm.sh": "a run on a cluster, which goes on when its time is up",
    "scripts/sweep.sh": "a run for each combination of values",
    "tests/": "of the data, the network and short trainings; a minute",
    "references/README.md": "what the data is, where it comes from, its limits",
    "docs/decisions.md": "what was decided, and why",
    "runs/": "a folder for each run; git ignores it",
    "pyproject.toml": "the project is a package",
    "requirements.txt": "the exact versions",
    "dvc.yaml": "what `dvc repro` does: prepare, train, evaluate",
    "Makefile": "make install, inspect, train, test, lint",
    "Dockerfile": "for CPUs, or CUDA by a build argument; compose.yaml: train, tensorboard",
    ".github/workflows/ci.yml": "linter and tests at each push",
    ".pre-commit-config.yaml": "linter at each commit",
    ".env.example": "secrets go into .env, which git ignores",
    ".epochal-init.json": "what `epochal init --update` begins from",
}


def tree(package: str, names: Collection[str]) -> list[tuple[str, str]]:
    """Paths and their lines, of those that the project has; names: of its files."""
    lines = {path.replace("PACKAGE", package): line for path, line in _LINES.items()}
    always = ("runs/", ".epochal-init.json")
    return [
        (path, line)
        for path, line in lines.items()
        if path in names or path in always or (path.endswith("/") and any(n.startswith(path) for n in names))
    ]
