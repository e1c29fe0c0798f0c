"""Writes the reference pages under ``docs/reference`` from the steps and commands themselves.

``python -m modelyard.cli.reference docs`` rewrites them; a test fails when they are out of date.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from modelyard.cli.commands import COMMANDS
from modelyard.cli.main import Parser
from modelyard.core import lookup
from modelyard.core.options import plain, wording
from modelyard.core.requirement import LIVE_ONLY
from modelyard.core.step import Step
from modelyard.recipes.schema import REFERENCE, recipe_schema


def pages() -> dict[str, str]:
    """Path below ``docs`` → text of each generated page."""
    steps = [lookup.step(name) for name in lookup.step_names()]
    written = {f"reference/steps/{step.name.replace(' ', '-')}.md": step_page(step) for step in steps}
    indices = {"steps": _index(steps), "commands": _commands(), "recipe": _recipe()}
    return written | {f"reference/{name}.md": text for name, text in indices.items()}


def step_page(step: Step) -> str:
    """One step: what it does, its artifacts and options, and how to call it three ways."""
    lines = [f"# {step.name}", "", step.summary, ""]
    lines += [step.description, ""] if step.description else []
    lines += ["## Artifacts", "", *_artifacts(step), ""]
    if step.options:
        lines += ["## Options", "", "| option | value | default | meaning |", "|---|---|---|---|"]
        lines += [_option_row(step, name) for name in step.options]
        lines.append("")
    return "\n".join([*lines, *_calls(step)])


def _artifacts(step: Step) -> list[str]:
    lines = []
    for parameter in step.parameters:
        optional = ", optional" if parameter.optional else ""
        lines.append(f"- `{parameter.name}` ({parameter.kind.__name__}{optional}): {parameter.help}")
    facts = [f"- gives: {step.result.__name__}"]
    facts += [f"- needs: {', '.join(sorted(step.needs))}"] if step.needs else []
    facts += [f"- the result runs on: {step.runtime}"] if step.runtime else []
    facts += [f"- measures: {', '.join(step.measures)}"] if step.measures else []
    bounds = (f"{requirement.measure} {requirement.wording}" for requirement in step.holds)
    facts += [f"- the command ends with 1 unless: {', '.join(bounds)}"] if step.holds else []
    return lines + facts


def _option_row(step: Step, name: str) -> str:
    option = step.options[name]
    default = "required" if option.required else f"`{_spell(plain(option.default))}`"
    cells = (f"`{name}`", wording(option.annotation), default, option.help)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _calls(step: Step) -> list[str]:
    function = "modelyard." + ".".join(word.replace("-", "_") for word in step.name.split())
    upper = " ".join(parameter.name.upper() for parameter in step.parameters)
    lower = ", ".join(parameter.name for parameter in step.parameters)
    lines = ["## Three ways to say it", ""]
    if step.verb != "load":
        lines += ["```yaml", "steps:", f"  - {step.name}", "```", ""]
    return [
        *lines,
        "```sh",
        f"modelyard {step.name} {upper}",
        "```",
        "",
        "```python",
        f"{function}({lower})",
        "```",
        "",
    ]


def _index(steps: list[Step]) -> str:
    rows = [f"| [{step.name}](steps/{step.name.replace(' ', '-')}.md) | {step.summary} |" for step in steps]
    return "\n".join(["# Steps", "", "| step | what it does |", "|---|---|", *rows, ""])


def _recipe() -> str:
    """The keys of a recipe, from the schema that editors use."""
    properties = recipe_schema()["properties"]
    lines = ["# Recipe", "", "| key | meaning |", "|---|---|"]
    lines += [f"| `{key}` | {value['description']} |" for key, value in properties.items()]
    lines += ["", "## data", "", "| key | meaning | default |", "|---|---|---|"]
    for key, value in properties["data"]["properties"].items():
        default = f"`{_spell(value['default'])}`" if "default" in value else ""
        lines.append(f"| `{key}` | {value.get('description', REFERENCE)} | {default} |")
    lines += ["", "## steps", "", "See [steps](steps.md). A step stands alone or with options:", ""]
    lines += ["```yaml", "steps:", "  - quantize dynamic", "  - finetune: {epochs: 2}", "```", ""]
    lines += ["## require", "", "| bound | meaning |", "|---|---|", *_BOUNDS, ""]
    return "\n".join(lines)


_BOUNDS = (
    '| `">= 0.9"`, `"<= 15"` | the value itself is judged |',
    "| `{at_least: 0.9, confidence: 0.95}` | the lower end of the 95% interval must hold; if only the upper end "
    "does, the outcome is *inconclusive* |",
    "| `{at_most: 15, confidence: 0.95}` | likewise, for the upper end |",
    "| `{max_drop: 0.005, against: base}` | at most so far below a reference: `base` is the model before the first "
    "step that converts it, `yard:name@alias` a release; with `confidence` the interval of the paired difference |",
    "| `{max_rise: 2, against: base}` | at most so far above a reference |",
    f"| a bound on {', '.join(f'`{name}`' for name in sorted(LIVE_ONLY))} | shown by traffic alone: "
    "*judged in production*, by rollouts (the error rate by alarms too) |",
)


def _commands() -> str:
    lines = ["# Commands", ""]
    for name, command in COMMANDS.items():
        parser = Parser(prog=f"modelyard {name}", description=command.summary, formatter_class=_Wide)
        command().add_arguments(parser)
        lines += [f"## {name}", "", "```", parser.format_help().rstrip(), "```", ""]
        for word, part in _parts(parser).items():
            part.formatter_class = _Wide
            lines += [f"### {name} {word}", "", "```", part.format_help().rstrip(), "```", ""]
    return "\n".join(lines)


def _parts(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of a command's second words."""
    choices = (action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {word: part for found in choices for word, part in found.items()}


class _Wide(argparse.HelpFormatter):
    """Help of one width, whatever terminal writes the page."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=110)


def _spell(value: object) -> str:
    """A default as YAML writes it."""
    if isinstance(value, bool) or value is None:
        return {None: "null", True: "true", False: "false"}[value]
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def write(folder: Path) -> None:
    """Write all pages below ``folder``, and remove pages of steps that are gone."""
    for old in (folder / "reference" / "steps").glob("*.md"):
        old.unlink()
    for name, text in pages().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
