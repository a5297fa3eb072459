"""The pictures of the README, of docs/recipes.md and of docs/tutorial.md, made anew, and the page of recipes.

``python docs/figures.py [RECIPE ...]`` trains each recipe, by default all whose data is there, and copies its
plots to docs/images; ``tutorial`` among them stands for the tutorial's pictures. ``--page`` only writes the
page of recipes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import epochal
from epochal.errors import EpochalError
from epochal.reporting.pdf import browser_options, find_browser

DOCS = Path(__file__).absolute().parent
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


def tutorial() -> None:
    """What docs/tutorial.md makes by its own files: two plots of a run, and its report in a browser."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        project, text = Path("shapes"), (DOCS / "tutorial.md").read_text()
        files = {name: body for body, name in re.findall(r"```\w+\n(# ([\w./]+)\n.*?)```", text, re.DOTALL)}
        Path("make_pictures.py").write_text(files.pop("make_pictures.py"))
        subprocess.run([sys.executable, "make_pictures.py"], check=True)
        epochal.init(project, template="minimal", data="pictures")
        for name in ("src/shapes/deeper.py", "configs/deeper.yaml"):
            (project / name).write_text(files[name])
        os.chdir(project)
        base = epochal.train("configs/base.yaml", "tracking=[]")
        shutil.copy(base.path / "plots" / "loss.png", DOCS / "images" / "tutorial_loss.png")
        shutil.copy(base.path / "plots" / "confusion_test.png", DOCS / "images" / "tutorial_confusion.png")
        page = epochal.report(epochal.train("configs/deeper.yaml", "tracking=[]"))
        if (browser := find_browser()) is None:
            sys.stderr.write("tutorial: the report keeps its picture, for there is no Chromium or Chrome\n")
        else:
            options = ["--hide-scrollbars", "--window-size=1200,1000"]
            shot = f"--screenshot={DOCS / 'images' / 'tutorial_report.png'}"
            command = [browser, *browser_options(f"{folder}/profile"), *options, shot]
            subprocess.run([*command, page.absolute().as_uri()], check=True, capture_output=True)
        os.chdir(before)


def main() -> None:
    """Train, copy; what can't be trained here keeps its picture, and is said."""
    chosen = [each for each in sys.argv[1:] if each != "--page"]
    if "tutorial" in chosen or not sys.argv[1:]:
        tutorial()
    recipes = [each for each in chosen if each != "tutorial"]
    for recipe in recipes or ([] if sys.argv[1:] else PLOTS):
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
