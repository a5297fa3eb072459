"""The page itself: its sections in order, and the templates that write them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from epochal.reporting import compare, facts, scores, words
from epochal.reporting.chart import Chart, lay_out
from epochal.reporting.charts import fold_charts, history_charts, result_charts
from epochal.reporting.pictures import Pictures, embed_file
from epochal.reporting.record import Json, Record, SplitResult
from epochal.reporting.summary import describe

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True)
class Section:
    """One section of the page, written by the template ``section_{kind}.html`` from its content."""

    kind: str
    title: str
    content: dict[str, Any]


@dataclass(frozen=True)
class _Figures:
    """The charts of one page; hover holds for each what shows under the pointer."""

    hover: list[Any] = field(default_factory=list)

    def draw(self, charts: Sequence[Chart]) -> list[dict[str, Any]]:
        """The charts as their template wants them, each with its place in ``hover``."""
        drawn = []
        for chart in charts:
            layout = lay_out(chart)
            drawn.append({**layout, "number": len(self.hover)})
            self.hover.append(
                {
                    "labels": layout["labels"],
                    "plot": layout["plot"],
                    "series": [each.pop("hover") for each in layout["series"]],
                }
            )
        return drawn


def run_page(record: Record, pictures: Pictures) -> str:
    """The report of one run or of one cross-validation, HTML."""
    figures = _Figures()
    sections = [
        Section("folds", "Folds", _folds(record, figures)),
        *_result_sections(record, figures),
        Section("pictures", "Pictures", _pictures(record)),
        Section("training", "Training", _training(record, figures)),
        Section("data", "Data", facts.data(record, pictures)),
        Section("configuration", "Configuration", facts.configuration(record)),
        Section("environment", "Environment and how to repeat it", facts.environment(record)),
    ]
    heading = describe(record)
    return _render(f"{heading['name']} · {heading['id']}", "head_run.html", heading, sections, figures)


def comparison_page(records: Sequence[Record], comparison: Json) -> str:
    """Several runs side by side, HTML.

    comparison: what ``epochal compare`` says of them, as JSON has it; empty where they are not compared.
    """
    figures = _Figures()
    named = compare.named(records)
    sections = [
        Section("compared_scores", "Scores", compare.score_table(named)),
        Section("differences", "Differences", compare.differences(named, comparison)),
        Section("training", "Training", {"charts": figures.draw(compare.training_charts(named)), "log": ""}),
        Section("parameters", "Parameters", compare.parameters(named)),
        Section("runs", "Runs", {"runs": [(name, describe(record)) for name, record in named.items()]}),
    ]
    heading = {"names": list(named), "runs": len(named)}
    return _render("Comparison of runs", "head_comparison.html", heading, sections, figures)


def _result_sections(record: Record, figures: _Figures) -> list[Section]:
    """What the scores are, of whom, and where the model is wrong."""
    results = record.results
    if not results:
        return []
    groups = [found for result in results if (found := scores.subgroups(result))]
    wrong = [
        {**found, "picture": embed_file(result.gallery) if result.gallery else None}
        for result in results
        if (found := scores.mistakes(result))
    ]
    return [
        Section("scores", "Scores", scores.overall_table(record)),
        Section(
            "results",
            "Results in detail",
            {"splits": [_detail(record, result, figures) for result in results]},
        ),
        Section("subgroups", "Subgroups", {"splits": groups} if groups else {}),
        Section("mistakes", "Mistakes", {"splits": wrong} if wrong else {}),
    ]


def _detail(record: Record, result: SplitResult, figures: _Figures) -> dict[str, Any]:
    return {
        "name": result.name,
        "classes": scores.class_table(result),
        "confusion": scores.confusion(result),
        "counted": "pixels " if words.component(record.config.get("task")).startswith("segmentation") else "",
        "charts": figures.draw(result_charts(result)),
    }


def _folds(record: Record, figures: _Figures) -> dict[str, Any]:
    table = scores.folds(record)
    if table is None:
        return {}
    charts = [] if record.fold_roc is None else figures.draw(fold_charts(record.fold_roc))
    return {**table, "charts": charts}


def _pictures(record: Record) -> dict[str, Any]:
    """What the task drew of the best weights."""
    return {"pictures": [{"name": path.stem, **embed_file(path)} for path in record.pictures]}


def _training(record: Record, figures: _Figures) -> dict[str, Any]:
    charts = figures.draw(history_charts(record))
    return {"charts": charts, "log": record.log} if charts else {}


@cache
def _templates() -> Environment:
    # a tenth of a second that only this verb pays
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("epochal.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"number": words.number, "label": words.label, "count": words.count}
    templates.filters |= {"p_value": words.p_value, "short": words.short}
    templates.tests["lower_better"] = words.is_lower_better
    return templates


def _render(
    title: str, head: str, heading: dict[str, Any], sections: Sequence[Section], figures: _Figures
) -> str:
    from markupsafe import Markup  # comes with jinja2

    templates = _templates()
    script = templates.get_template("report.js").render().strip()
    return templates.get_template("page.html").render(
        title=title,
        head=head,
        heading=heading,
        sections=[section for section in sections if any(section.content.values())],
        hover=figures.hover,
        style=Markup(templates.get_template("report.css").render()),  # noqa: S704 (it is ours)
        script=Markup(script),  # noqa: S704 (it is ours)
        # the browser runs this script and no other, whatever a class or a file may be called
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        made=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0"),
    )
