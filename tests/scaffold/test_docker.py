"""The generated Dockerfile and compose.yaml keep the rules of their trade: hadolint's, by its codes."""

from __future__ import annotations

import fnmatch
import json
import re
from typing import Any

import pytest
from rendered import every_template, rendered
from ruamel.yaml import YAML

from epochal.scaffold import render as rendering
from epochal.scaffold.render import Answers, render

WHEEL = "epochal @ file:///home/ada/epochal-0.1.0-py3-none-any.whl"
ANSWERS = Answers("my-skin", "my_skin", "image", "Moles.", "A. B.", "2026-01-31")


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Pairs of (instruction, its arguments), in order; lines that go on are one."""
    lines = [line for line in dockerfile.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in joined.splitlines()]


def stages(dockerfile: str) -> list[list[tuple[str, str]]]:
    """The instructions of each stage, from its FROM on."""
    found: list[list[tuple[str, str]]] = []
    for name, arguments in instructions(dockerfile):
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append((name, arguments))
    return found


def faults(dockerfile: str) -> list[str]:
    """What a linter would say."""
    every, parts = instructions(dockerfile), stages(dockerfile)
    defaults = dict(text.split("=", 1) for name, text in every if name == "ARG" and "=" in text)
    found = [] if len(parts) > 1 else ["one stage only"]
    for name, text in every:
        if name == "FROM":
            image = re.sub(r"\$\{(\w+)\}", lambda match: defaults[match[1]], text.split()[0])
            if not re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+-[\w-]+", image):
                found.append(f"DL3006, DL3007: {image} is not pinned")
        if name == "ADD":
            found.append("DL3020: ADD")
        if name == "WORKDIR" and not text.startswith("/"):
            found.append(f"DL3000: {text} is relative")
        if name in ("ENTRYPOINT", "CMD") and not text.startswith("["):
            found.append(f"DL3025: {name} as a shell's line")
        if name in ("ARG", "ENV") and re.search(r"(?i)(key|token|secret|password)\w*=", text):
            found.append(f"a secret in {name} {text}")
        if name == "RUN":
            found += run_faults(text)
    names = [name for name, _ in parts[-1]]
    if not any(name == "ENV" and "PIP_NO_CACHE_DIR=1" in text for name, text in every):
        found.append("DL3042: pip keeps its cache")
    if names.count("CMD") > 1 or names.count("ENTRYPOINT") > 1:
        found.append("DL4003, DL4004: more than one")
    users = [text for name, text in parts[-1] if name == "USER"]
    if not users or users[-1] in ("root", "0"):
        found.append("DL3002: the last user is root")
    elif {"RUN", "COPY"} & set(names[names.index("USER") :]):
        found.append("work after USER")
    return found


def run_faults(text: str) -> list[str]:
    found = []
    if re.search(r"\bsudo\b", text):
        found.append("DL3004: sudo")
    if re.match(r"cd\b", text):
        found.append("DL3003: cd")
    if "apt-get install" in text and "--no-install-recommends" not in text:
        found.append("DL3015: recommended packages")
    if "apt-get install" in text and "rm -rf /var/lib/apt/lists" not in text:
        found.append("DL3009: apt's lists stay")
    if re.search(r"\|(?!\|)", re.sub(r"'[^']*'|\"[^\"]*\"", "", text)) and "pipefail" not in text:
        found.append("DL4006: a pipe without pipefail")
    return found


def ignored(path: str, dockerignore: str) -> bool:
    """Whether the last pattern that fits a path, or a folder above it, leaves it out."""
    parts = path.split("/")
    above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    out = False
    for line in dockerignore.splitlines():
        pattern = line.removeprefix("!")
        names = parts if pattern.startswith("**/") else above
        if line and not line.startswith("#") and fnmatch.filter(names, pattern.removeprefix("**/")):
            out = not line.startswith("!")
    return out


def sources(dockerfile: str) -> list[str]:
    """What is copied from the project."""
    words = [
        text.split() for name, text in instructions(dockerfile) if name == "COPY" and "--from" not in text
    ]
    return [word for line in words for word in line[:-1] if not word.startswith("--")]


@every_template
def test_a_dockerfile_keeps_the_rules(kind: str) -> None:
    files = rendered(kind)
    assert faults(files["Dockerfile"]) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("3.12.11-slim-bookworm", "latest", "not pinned"),
        ("COPY src", "ADD src", "ADD"),
        ("USER app\n", "", "the last user is root"),
        ("WORKDIR /work", "WORKDIR work", "relative"),
        ('["epochal"]', "epochal", "as a shell's line"),
        ("ENTRYPOINT", "RUN make\nENTRYPOINT", "work after USER"),
        ("PIP_NO_CACHE_DIR=1 ", "", "cache"),
        ("ARG TORCH=cpu", "ARG HF_TOKEN=1", "a secret"),
        ("RUN useradd", "RUN apt-get install git && useradd", "recommended packages"),
    ],
)
def test_the_rules_find_what_breaks_them(old: str, new: str, fault: str) -> None:
    text = render(ANSWERS)["Dockerfile"]
    assert old in text
    assert any(fault in found for found in faults(text.replace(old, new)))


@every_template
def test_what_is_copied_is_there_and_reaches_docker(kind: str) -> None:
    files = rendered(kind)
    copied = sources(files["Dockerfile"])
    assert {"requirements.txt", "src", "configs"} <= set(copied)
    for source in set(copied) - {"wheels"}:  # which its owner makes, as the file says
        inside = [name for name in files if name == source or name.startswith(f"{source}/")]
        assert inside, source
        assert not any(ignored(name, files[".dockerignore"]) for name in inside)
    for name in (".env", "data/raw/scan.png", "runs/base/config.yaml", ".git/config", "src/a/__pycache__"):
        assert ignored(name, files[".dockerignore"]), name


@pytest.mark.parametrize("origin", ["", WHEEL])
def test_epochal_comes_from_where_it_came_from(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "origin", lambda name: origin)
    files = render(ANSWERS)
    assert faults(files["Dockerfile"]) == []
    if not origin:
        assert "wheels" not in files["Dockerfile"] + files[".dockerignore"]
        return
    assert f"pip wheel --no-deps --wheel-dir wheels '{WHEEL}'" in files["Dockerfile"]
    assert "wheels" in sources(files["Dockerfile"])
    assert not ignored("wheels/epochal-0.1.0-py3-none-any.whl", files[".dockerignore"])
    assert "epochal is from a place of one machine" in files["requirements.txt"]


@every_template
def test_compose_has_a_training_and_a_tensorboard(kind: str) -> None:
    files = rendered(kind)
    services: dict[str, Any] = YAML(typ="safe").load(files["compose.yaml"])["services"]
    assert set(services) == {"train", "tensorboard"}
    assert services["train"]["command"] == json.loads(dict(instructions(files["Dockerfile"]))["CMD"])[1:]
    folders = {name.split("/")[0] for name in files} | {"runs"}
    for service in services.values():
        for volume in service["volumes"]:
            here, there, *_ = volume.split(":")
            assert here.removeprefix("./") in folders
            assert there.startswith("/work/")
