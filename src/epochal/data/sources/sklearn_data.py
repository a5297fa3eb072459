"""The small data sets in scikit-learn's wheel, read without importing scikit-learn (it takes a second)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from epochal.data.manifest import Array, Manifest, Source, TargetKind, row_names
from epochal.data.sources.digest import digest_arrays
from epochal.data.sources.targets import expect_kind

_MEASURES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)
_BREAST_CANCER = (
    *(f"mean {measure}" for measure in _MEASURES),
    *(f"{measure} error" for measure in _MEASURES),
    *(f"worst {measure}" for measure in _MEASURES),
)
_DIABETES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
_WINE = (
    "alcohol",
    "malic_acid",
    "ash",
    "alcalinity_of_ash",
    "magnesium",
    "total_phenols",
    "flavanoids",
    "nonflavanoid_phenols",
    "proanthocyanins",
    "color_intensity",
    "hue",
    "od280/od315_of_diluted_wines",
    "proline",
)


def digits(*, target_kind: TargetKind) -> Source:
    """1,797 handwritten digits, uint8 1×8×8 (UCI; its 0..16 become 0..255), ten classes."""
    expect_kind("class", target_kind=target_kind, source="digits")
    values = np.loadtxt(_file("digits.csv.gz"), delimiter=",")
    images = np.rint(values[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    manifest = _manifest(values[:, -1].astype(np.int64), "class", tuple("0123456789"))
    return Source(manifest, "image", images.__getitem__, digest_arrays(manifest, images), array=images)


def breast_cancer(*, target_kind: TargetKind) -> Source:
    """569 tumours, 30 features of their cell nuclei, malignant or benign (Wisconsin, UCI)."""
    expect_kind("class", target_kind=target_kind, source="breast_cancer")
    return _classes("breast_cancer.csv", _BREAST_CANCER)


def wine(*, target_kind: TargetKind) -> Source:
    """178 wines, 13 chemical features, three cultivars (UCI)."""
    expect_kind("class", target_kind=target_kind, source="wine")
    return _classes("wine_data.csv", _WINE)


def diabetes(*, target_kind: TargetKind) -> Source:
    """442 patients, 10 features in their own units, the progress of the disease after a year.

    Efron, Hastie, Johnstone & Tibshirani, "Least angle regression", Annals of Statistics 2004.
    """
    expect_kind("value", target_kind=target_kind, source="diabetes")
    values = np.loadtxt(_file("diabetes_data_raw.csv.gz"))
    target = np.loadtxt(_file("diabetes_target.csv.gz"))
    return _vectors(values, _DIABETES, _manifest(target[:, None].astype(np.float32), "value", ("target",)))


def _file(name: str) -> Path:
    found = importlib.util.find_spec("sklearn")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "datasets" / "data" / name


def _classes(name: str, features: tuple[str, ...]) -> Source:
    """A file whose first line is rows, features and class names, and whose last column is the class."""
    path = _file(name)
    header = path.read_text(encoding="utf-8").partition("\n")[0].split(",")
    values = np.loadtxt(path, delimiter=",", skiprows=1)
    manifest = _manifest(values[:, -1].astype(np.int64), "class", tuple(header[2:]))
    return _vectors(values[:, :-1], features, manifest)


def _manifest(targets: Array, kind: TargetKind, names: tuple[str, ...]) -> Manifest:
    filenames = row_names(len(targets))
    return Manifest(filenames, targets, kind, names)


def _vectors(values: Array, features: tuple[str, ...], manifest: Manifest) -> Source:
    array = values.astype(np.float32)
    digest = digest_arrays(manifest, array)
    return Source(manifest, "vector", array.__getitem__, digest, array=array, features=features)
