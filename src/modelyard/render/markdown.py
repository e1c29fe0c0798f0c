"""A release as a Hugging Face model card: metadata in YAML, then the page's tables in Markdown.

Names, labels and data are text: whatever Markdown or HTML would read as markup is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from modelyard.core.report import Table
from modelyard.render import summary
from modelyard.render.page import Page
from modelyard.render.wording import inert, write_cell

_MARKUP = re.compile(r"[\\`*_\[\]#|~!]|[<>&@]|(?<=:)//|(?<=www)\.")
_HUB = re.compile(r"hf:([\w.-]+/[\w.-]+|[\w.-]+)(?:@.*)?")
_METRICS = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "f1",
    "f1_macro": "f1",
    "f1_micro": "f1",
    "roc_auc": "roc_auc",
    "pr_auc": "average_precision",
    "log_loss": "log_loss",
    "calibration_error": "expected_calibration_error",
    "perplexity": "perplexity",
    "bits_per_byte": "bits_per_byte",
    "token_accuracy": "accuracy",
}
"""Measure → type of metric, as the Hub names it where it has a name."""
_ROWS_SHOWN = 60


def render_markdown(page: Page) -> str:
    """The model card, ``README.md`` of a model repository."""
    import yaml

    front = yaml.safe_dump(metadata(page), sort_keys=False, allow_unicode=True, width=120)
    blocks = [f"---\n{front}---", f"# {_text(page.name)}", _verdict(page), *_requirements(page), *_changes(page)]
    blocks += ["## Model card", _facts(summary.model_rows(page))]
    if page.data:
        blocks += ["### Data", _facts(summary.data_rows(page))]
        blocks += [f"> **Warning:** {_text(warning)}" for warning in summary.data_warnings(page)]
    if page.steps:
        blocks += ["## Steps", _table(["step", "options", "time", "result"], summary.step_rows(page))]
    for title, findings in page.findings:
        blocks += [f"## {_text(title)}", *(_block(table) for table in findings.tables)]
        if findings.measures:
            blocks.append(_table(["measure", "value", "interval", "n"], summary.measure_rows(findings.measures)))
        blocks += [f"> {_text(note)}" for note in findings.notes]
    if page.environment:
        blocks += ["## Built on", _facts(page.environment.items())]
    blocks += ["## Lineage", _facts(summary.lineage_rows(page))]
    return "\n\n".join(blocks) + "\n"


def metadata(page: Page) -> dict[str, Any]:
    """The card's metadata as the Hub defines it; what is not known, or not on the Hub, is left out."""
    words = {word for step in page.steps for word in step.name.split()}
    hub = _HUB.fullmatch(page.model.base)
    relation = "quantized" if "quantize" in words else "finetune" if "finetune" in words else None
    base = {"base_model": hub[1], "base_model_relation": relation} if hub else {}
    tags = ["modelyard", page.model.runtime, *(["quantized"] if relation == "quantized" else [])]
    card: dict[str, Any] = {
        "license": page.model.licence,
        "library_name": "modelyard",
        "pipeline_tag": page.model.task,
        **base,
        "tags": [inert(tag) for tag in tags],
        "model-index": _model_index(page),
    }
    return {key: value for key, value in card.items() if value}


def _model_index(page: Page) -> list[dict[str, Any]]:
    metrics = [
        {"type": kind, "name": name, "value": page.measures[name].value}
        for name, kind in _METRICS.items()
        if name in page.measures and page.measures[name].value is not None
    ]
    if not metrics or page.data is None:
        return []
    source = inert(page.data.source)
    dataset = {"type": source, "name": source, "split": "test"}
    task = {"type": page.model.task, "name": page.model.task.replace("-", " ").capitalize()}
    return [{"name": inert(page.name), "results": [{"task": task, "dataset": dataset, "metrics": metrics}]}]


def _verdict(page: Page) -> str:
    version = f"Version {_text(page.version)}. " if page.version else ""
    return f"{version}Verdict: **{_text(page.verdict)}** ({_text(summary.count_verdicts(page))})."


def _requirements(page: Page) -> list[str]:
    rows = summary.requirement_rows(page.requirements)
    cells = [(row.measure, row.bound, row.value, row.interval, row.n, row.verdict) for row in rows]
    return ["## Requirements", _table(["measure", "bound", "value", "interval", "n", "verdict"], cells)] if rows else []


def _changes(page: Page) -> list[str]:
    rows = summary.change_rows(page)
    if not rows:
        return []
    if page.before:
        changes = [(row.measure, row.before, row.after, row.after_interval, row.change) for row in rows]
        columns = ["measure", "before", "release", "interval", "change"]
        return ["## Before and after conversion", _table(columns, changes)]
    return [
        "## At a glance",
        _table(["measure", "release", "interval"], [(row.measure, row.after, row.after_interval) for row in rows]),
    ]


def _block(table: Table) -> str:
    rows = [[write_cell(cell) for cell in row] for row in table.rows[:_ROWS_SHOWN]]
    return f"### {_text(table.title)}\n\n{_table(table.columns, rows)}"


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- **{_text(name)}**: {_text(text)}" for name, text in rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [
        [_text(name) for name in columns],
        ["---"] * len(columns),
        *([_text(cell) for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(text: str) -> str:
    """Foreign text as Markdown that shows it literally; bare addresses start no link."""
    return _MARKUP.sub(lambda match: _ENTITIES.get(match[0], f"\\{match[0]}"), inert(text))


_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;", "//": "&#47;&#47;", ".": "&#46;"}
