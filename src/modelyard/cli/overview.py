"""The page that ``modelyard --help`` prints: commands, then the steps by verb."""

from __future__ import annotations

from modelyard.cli.commands import COMMANDS
from modelyard.core import lookup


def overview() -> str:
    """Names and summaries of everything that can be typed."""
    lines = [
        "modelyard: one recipe from a pretrained model and your data to a proven release",
        "",
        "usage: modelyard COMMAND …        modelyard COMMAND --help",
        "",
        "commands",
        *(_entry(name, command.summary) for name, command in COMMANDS.items()),
        "",
        "steps (also keys of a recipe, and functions: modelyard.quantize.dynamic(…))",
        *(_entry(name, lookup.step(name).summary) for name in lookup.step_names()),
    ]
    return "\n".join(lines)


def _entry(name: str, summary: str) -> str:
    return f"  {name:<20} {summary}"
