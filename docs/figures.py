"""The pictures of the README and of docs/recipes.md, made anew, and that page itself.

``python docs/figures.py [RECIPE ...]`` trains each recipe, by default all whose data is there, and copies its
plots to docs/images; ``--page`` only writes the page.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import epochal
from epochal.errors import EpochalError

DOCS = Path(__file__).parent
RECIPES = Path(epochal.__file__).parent / "recipes"
PLOTS = {
    "digits": {"confusion_test.png": "digits_confusion.png", "loss.png": "digits_loss.png"},
    "titanic": {"roc_test.png": "titanic_roc.png"},
    "tissue": {"errors_test.png": "tissue_errors.png"},
    "movie_reviews": {"roc_test.png": "movie_reviews_roc.png"},
    "spoken_prompts": {"confusion_test.png": "spoken_prompts_confusion.png"},
    "motions": {"confusion_test.png": "motions_confusion.png"},
    "glucose": {"forecast_test.png": "glucose_forecast.png"},
    "gan": {"samples.png": "gan_samples.png"},
    "autoencoder": {"reconstructions.png": "autoencoder_reconstructions.png"},
}
"""Recipe -> name of a plot in its run folder -> its name in docs/images; the first one is on the page."""


def page() -> str:
    """docs/recipes.md: each of these recipes in full, and a plot that it made."""
    parts = [
        "# Recipes and what they drew\n",
        "`epochal train NAME` makes each of them anew; `epochal config recipes` lists all there are.\n",
    ]
    for recipe, plots in PLOTS.items():
        about, _, config = (RECIPES / f"{recipe}.yaml").read_text().partition("\n")
        image = next(iter(plots.values()))
        title = about.removeprefix("# ")
        picture = f'<img src="images/{image}" width="60%" alt="{title}">'
        parts.append(f"## {recipe}\n\n{title}\n\n```yaml\n{config.strip()}\n```\n\n{picture}\n")
    return "\n".join(parts)


def main() -> None:
    """Train, copy; what can't be trained here keeps its picture, and is said."""
    chosen = [each for each in sys.argv[1:] if each != "--page"]
    for recipe in chosen or ([] if "--page" in sys.argv else PLOTS):
        with tempfile.TemporaryDirectory() as folder:
            try:
                run = epochal.train(recipe, f"paths.runs={folder}", "tracking=[]")
            except EpochalError as error:
                sys.stderr.write(f"{recipe}: {error}\n")
                continue
            for plot, name in PLOTS[recipe].items():
                shutil.copy(run.path / "plots" / plot, DOCS / "images" / name)
    (DOCS / "recipes.md").write_text(page())


if __name__ == "__main__":
    main()
