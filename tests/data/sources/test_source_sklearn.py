from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets

from epochal.config.component import Component
from epochal.data.sources import build_source
from epochal.errors import ConfigError


@pytest.mark.parametrize("name", ["breast_cancer", "wine"])
def test_classes_are_as_scikit_learn_gives_them(name: str) -> None:
    expected = getattr(datasets, f"load_{name}")()
    source = build_source(Component(name=name), "class")
    assert source.array is not None
    np.testing.assert_array_equal(source.array, expected.data.astype(np.float32))
    np.testing.assert_array_equal(source.manifest.targets, expected.target)
    assert source.manifest.names == tuple(expected.target_names)
    assert source.features == tuple(expected.feature_names)


def test_diabetes_is_in_its_own_units() -> None:
    expected = datasets.load_diabetes(scaled=False)
    source = build_source(Component(name="diabetes"), "value")
    assert source.array is not None
    np.testing.assert_array_equal(source.array, expected.data.astype(np.float32))
    np.testing.assert_array_equal(source.manifest.targets[:, 0], expected.target)
    assert source.features == tuple(expected.feature_names)
    with pytest.raises(ConfigError, match=r"gives targets for regression; .*; use task: regression"):
        build_source(Component(name="diabetes"), "class")


def test_digits_are_images_of_bytes() -> None:
    expected = datasets.load_digits()
    source = build_source(Component(name="digits"), "class")
    assert source.kind == "image"
    assert source.array is not None
    assert source.array.dtype == np.uint8
    assert source.array.shape == (1797, 1, 8, 8)
    np.testing.assert_allclose(source.array[:, 0], expected.images * 255 / 16, atol=0.5)
    assert source.array.max() == 255
    np.testing.assert_array_equal(source.manifest.targets, expected.target)
    assert source.manifest.names == tuple("0123456789")
    assert source.digest == build_source(Component(name="digits"), "class").digest


def test_scikit_learn_is_not_imported() -> None:
    program = (
        "import sys; from epochal.config.component import Component;"
        "from epochal.data.sources import build_source; build_source(Component(name='wine'), 'class');"
        "sys.exit('sklearn' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
