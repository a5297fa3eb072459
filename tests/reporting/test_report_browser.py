"""The page in a real browser: what it says on its console, how it is laid out, whether it can be read."""

from __future__ import annotations

import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from folders import write_parent, write_run

from epochal.errors import RequestError
from epochal.reporting.page import comparison_page, run_page
from epochal.reporting.pdf import browser_options, find_browser, print_pdf
from epochal.reporting.pictures import Pictures
from epochal.reporting.record import read_record

BROWSER = find_browser() or ""
needs_browser = pytest.mark.skipif(not BROWSER, reason="no Chromium or Chrome on PATH")

# what a reader sees: boxes of the sections, the width of the page, contrast of every text (WCAG 2.1, 1.4.3),
# and what a pointer and a click do
# ruff: noqa: E501
MEASURE = """
<script>
addEventListener("load", () => {
  const parse = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const over = (top, below) => {
    const alpha = top.length > 3 ? top[3] : 1;
    return [0, 1, 2].map((k) => top[k] * alpha + below[k] * (1 - alpha));
  };
  const behind = (node) => {
    if (!node) return [255, 255, 255];
    const colour = parse(getComputedStyle(node).backgroundColor);
    return colour.length > 3 && colour[3] === 0 ? behind(node.parentElement) : over(colour, behind(node.parentElement));
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const dim = [];
  for (const node of document.querySelectorAll("body *")) {
    const text = [...node.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent).join("").trim();
    if (!text || ["SCRIPT", "STYLE"].includes(node.tagName) || !node.getClientRects().length) continue;
    const style = getComputedStyle(node), below = behind(node);
    const ink = over(parse(node.closest("svg") ? style.fill : style.color), below);
    const pair = [light(ink), light(below)].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) dim.push([text.slice(0, 30), style.color, ratio]);
  }
  const figure = document.querySelector("figure[data-chart]"), box = figure.querySelector("svg").getBoundingClientRect();
  figure.querySelector("svg").dispatchEvent(new PointerEvent("pointermove", {clientX: box.left + box.width / 2, clientY: box.top + box.height / 2}));
  const tip = document.getElementById("tip").innerText;
  const button = document.querySelector(".legend button");
  button.click();
  document.getElementById("theme").click();
  parent.document.documentElement.dataset.measured = JSON.stringify({
    width: innerWidth,
    page: document.documentElement.scrollWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    sections: [...document.querySelectorAll("section")].map((node) => {
      const box = node.getBoundingClientRect();
      return [node.id, box.left, box.right, box.height];
    }),
    dim, tip,
    hidden: button.closest("figure").querySelectorAll("g.series.off").length,
    theme: document.documentElement.dataset.theme,
  });
});
</script></body>"""


def browse(page: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [BROWSER, *browser_options(str(page.parent / "profile")), "--enable-logging=stderr", *arguments]
    return subprocess.run(
        [*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )


def measured(page: Path, width: int, *arguments: str) -> dict[str, Any]:
    """What a script finds in the page; the page's own rule that no other script runs is taken away.

    It stands in a frame, since the browser makes no window narrower than 500 pixels.
    """
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text())
    inside = html.escape(text.replace("</body>", MEASURE))
    frame = page.with_name(f"frame_{page.name}")
    frame.write_text(
        '<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{inside}"></iframe>'
    )
    found = re.search(r'data-measured="([^"]*)"', browse(frame, "--window-size=1400,1000", *arguments).stdout)
    assert found
    content: dict[str, Any] = json.loads(html.unescape(found[1]))
    return content


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("browser")
    first = read_record(write_run(folder / "pets" / "2026-11-21_10-00-00_aaaaaaaa"))
    second = read_record(write_run(folder / "pets" / "2026-11-21_10-00-01_bbbbbbbb", status="failed"))
    parent = read_record(write_parent(folder / "pets" / "2026-11-21_10-00-02_cccccccc"))
    texts = {
        "run": run_page(first, Pictures()),
        "parent": run_page(parent, Pictures()),
        "comparison": comparison_page([first, second], {}),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text)
    return {name: folder / f"{name}.html" for name in texts}


@needs_browser
@pytest.mark.parametrize(
    ("name", "width", "dark"),
    [("run", 1280, False), ("run", 400, True), ("parent", 400, False), ("comparison", 1280, True)],
)
def test_every_section_is_seen_and_can_be_read(
    pages: dict[str, Path], name: str, width: int, dark: bool
) -> None:
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    found = measured(pages[name], width, *scheme)
    assert (found["width"], found["dark"]) == (width, dark)
    assert found["page"] <= width
    assert len(found["sections"]) >= 5
    for section, left, right, height in found["sections"]:
        assert 0 <= left < right <= width, section
        assert height > 60, section
    assert found["dim"] == []
    assert found["tip"]
    assert found["hidden"] >= 1
    assert found["theme"] == "light"


@needs_browser
def test_the_console_stays_empty_and_no_other_script_runs(pages: dict[str, Path]) -> None:
    assert "CONSOLE" not in browse(pages["run"]).stderr
    intruder = pages["run"].with_name("intruder.html")
    intruder.write_text(
        pages["run"].read_text().replace("</main>", "<script>document.title = 'mine'</script></main>")
    )
    done = browse(intruder)
    assert "CONSOLE" in done.stderr  # the browser says that it refused
    assert "<title>mine" not in done.stdout


@needs_browser
def test_it_prints_to_pdf(pages: dict[str, Path], tmp_path: Path) -> None:
    print_pdf(pages["run"], tmp_path / "new" / "report.pdf")
    content = (tmp_path / "new" / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert len(content) > 20_000


def test_without_a_browser_it_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RequestError, match=r"Chromium or Chrome on PATH.*apt install chromium"):
        print_pdf(tmp_path / "report.html", tmp_path / "report.pdf")
