"""The page as PDF, printed by a browser without a window."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from epochal.errors import Problem, RequestError, RunError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SECONDS = 120


def find_browser() -> str | None:
    """The first browser on PATH that can print."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def require_browser() -> str:
    """The browser to print with; RequestError, with how to get one, where there is none."""
    browser = find_browser()
    if browser is None:
        mend = "install one (Debian: apt install chromium), or open the page and print it from your browser"
        raise RequestError(Problem("a PDF needs Chromium or Chrome on PATH, and there is none", mend=mend))
    return browser


def print_pdf(page: Path, output: Path) -> None:
    """Print an HTML file; RequestError where there is no browser, RunError where it fails."""
    browser = require_browser()
    with tempfile.TemporaryDirectory(prefix="epochal-") as profile:
        printed = Path(profile) / "report.pdf"
        command = [browser, *browser_options(profile), "--no-pdf-header-footer", f"--print-to-pdf={printed}"]
        try:
            done = subprocess.run(
                [*command, page.absolute().as_uri()],
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
                errors="replace",
            )
            said = done.stderr.strip()
        except subprocess.TimeoutExpired:
            said = f"it took longer than {_SECONDS} seconds"
        if not printed.is_file():
            last = said.splitlines()[-1] if said else "it said nothing"
            raise RunError(Problem(f"the browser printed no PDF: {last}", browser, f"the page is {page}"))
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(printed, output)


def browser_options(profile: str) -> list[str]:
    """Without a window, with a profile of its own; root, as in a container, has no sandbox to enter."""
    options = ["--headless", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}"]
    return [*options, "--no-sandbox"] if os.geteuid() == 0 else options
