"""A generated project in environments that are made as its Makefile, its CI and its Dockerfile say.

They install what requirements.txt pins, so they need a package index. No engine of containers is needed: the
steps of the Dockerfile are done in a folder that stands for the image's root, with the torch that is here in
place of one from PyTorch's index, and without the user of its own.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from shell import Shell

pytestmark = pytest.mark.slow


def call(command: str, folder: Path, **variables: str) -> str:
    """What a line of the shell says; no environment is activated."""
    environment = {
        key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")
    }
    environment["PATH"] = os.pathsep.join([str(Path(sys.base_prefix, "bin")), "/usr/bin", "/bin"])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env={**environment, "HOME": str(folder), "PIP_CONFIG_FILE": pip_config(), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def pip_config() -> str:
    """The user's own configuration of pip, which another HOME would hide."""
    path = Path.home() / ".config" / "pip" / "pip.conf"
    return str(path) if path.exists() else os.devnull


@pytest.fixture
def project(tmp_path: Path) -> Path:
    Shell(tmp_path).run("init", "mine", "--yes", "--template", "table")
    return tmp_path / "mine"


def test_the_steps_of_ci(project: Path) -> None:
    steps = YAML(typ="safe").load((project / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["test"]
    lines = [step["run"] for step in steps["steps"] if "run" in step]
    assert lines == ["make install", "make lint data test"]
    said = [call(line, project) for line in lines]
    assert " passed" in said[1]
    assert "pip install" not in said[1]  # done once


def test_an_activated_environment_is_used_and_brought_what_it_lacks(project: Path, tmp_path: Path) -> None:
    call("python3 -m venv active", tmp_path)
    (packages,) = (tmp_path / "active" / "lib").glob("*/site-packages")
    (packages / "here.pth").write_text(sysconfig.get_path("purelib"))  # epochal and what it needs
    active = {"VIRTUAL_ENV": str(tmp_path / "active")}
    call("make install", project, **active)
    assert not (project / ".venv").exists()
    call(f"{tmp_path}/active/bin/python -c 'import mine, pytest'", tmp_path)
    assert "Nothing to be done" in call("make install", project, **active)
    assert "make test" in call("make", project, **active)


def test_the_steps_of_the_dockerfile(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    text = (project / "Dockerfile").read_text()
    if wheel := re.search(r"^# (pip wheel .*)$", text, re.MULTILINE):
        call(f"{shlex.quote(sys.executable)} -m {wheel[1]}", project)
    text = re.sub(r'RUN /venv/bin/pip install --index-url "[^"]*" .*', "RUN local-torch", text)
    text = text.replace("useradd --create-home --uid 1000 app && ", "").replace(
        "&& chown -R app:app /work", ""
    )
    assert "useradd" not in text
    assert text.count("RUN local-torch") == 1
    text = re.sub(r"(?<![\w/.])/(venv|build|work)\b", rf"{root}/\1", text)
    folder, variables = root, {"PATH": f"{Path(sys.base_prefix, 'bin')}:/usr/bin:/bin"}
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        name, _, arguments = line.partition(" ")
        if name == "WORKDIR":
            folder = Path(arguments)
            folder.mkdir(parents=True, exist_ok=True)
        elif name == "ENV":
            for pair in arguments.split():
                key, _, value = pair.partition("=")
                variables[key] = value.replace("$PATH", variables["PATH"])
        elif name == "COPY" and "--from" not in arguments:
            *sources, target = (word for word in arguments.split() if not word.startswith("--"))
            for source in sources:
                place = folder / target / source if target == "./" else folder / target
                copy = shutil.copytree if (project / source).is_dir() else shutil.copy
                copy(project / source, place)
        elif line == "RUN local-torch":
            link_torch(root / "venv")
        elif name == "RUN":
            call(arguments.replace("python -m venv", "python3 -m venv"), folder, **variables)
    assert folder == root / "work"
    shutil.rmtree(folder / "data", ignore_errors=True)
    shutil.copytree(project / "data", folder / "data")  # the volume of compose.yaml
    assert "run folder" in call("epochal train configs/debug.yaml", folder, **variables)
    assert str(root / "venv") in call("command -v epochal", folder, **variables)


def link_torch(environment: Path) -> None:
    """The torch that is installed here, into another environment of the same Python."""
    (packages,) = (environment / "lib").glob("*/site-packages")
    for pattern in ("torch", "torch-*", "torchgen", "functorch"):
        for path in Path(sysconfig.get_path("purelib")).glob(pattern):
            (packages / path.name).symlink_to(path)
