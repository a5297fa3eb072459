"""The pictures of the README, made anew: each recipe is trained and its plot copied to docs/images.

``python docs/figures.py [RECIPE ...]``; by default all whose data is there.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import epochal
from epochal.errors import EpochalError

IMAGES = Path(__file__).parent / "images"
PLOTS = {
    "digits": {"loss.png": "digits_loss.png", "confusion_test.png": "digits_confusion.png"},
    "titanic": {"roc_test.png": "titanic_roc.png"},
    "tissue": {"errors_test.png": "tissue_errors.png"},
    "movie_reviews": {"roc_test.png": "movie_reviews_roc.png"},
    "spoken_prompts": {"confusion_test.png": "spoken_prompts_confusion.png"},
    "gan": {"samples.png": "gan_samples.png"},
    "autoencoder": {"reconstructions.png": "autoencoder_reconstructions.png"},
}
"""Recipe -> name of a plot in its run folder -> its name in docs/images."""


def main() -> None:
    """Train, copy; what can't be trained here keeps its picture, and is said."""
    for recipe in sys.argv[1:] or PLOTS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                run = epochal.train(recipe, f"paths.runs={folder}", "tracking=[]")
            except EpochalError as error:
                sys.stderr.write(f"{recipe}: {error}\n")
                continue
            for plot, name in PLOTS[recipe].items():
                shutil.copy(run.path / "plots" / plot, IMAGES / name)


if __name__ == "__main__":
    main()
