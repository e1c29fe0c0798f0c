"""``auto`` as an entry of ``steps``: the whole shrinking part, written out as a search over the steps that there are.

Which steps shrink, and what is worth trying for their options, the steps themselves say (``@step(shrinks=…)`` and
``Search`` in an option's annotation); plug-ins are found like our own. Knows no step by name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.options import plain
from modelyard.core.step import Step
from modelyard.formats.document import Document, Place
from modelyard.recipes.open_options import AUTO, SEARCH
from modelyard.recipes.start import UNKNOWN, Start


def expand_auto(document: Document, start: Start = UNKNOWN) -> Document:
    """The document with every ``auto`` written out; errors in what it stands for name the line of ``auto``.

    Args:
        start: what is known of the model.

    Raises:
        InputError: no step shrinks a model of this task.
    """
    value = document.value
    if not isinstance(value, dict) or not isinstance(value.get("steps"), list) or AUTO not in value["steps"]:
        return document
    steps: list[Any] = []
    lines: dict[Place, int] = {place: line for place, line in document.lines.items() if place[:1] != ("steps",)}
    lines[("steps",)] = document.line(("steps",))
    for number, entry in enumerate(value["steps"]):
        entries = (
            shrinking_entries(str(value.get("task")), document.where(("steps", number)), start)
            if entry == AUTO
            else [entry]
        )
        for written in entries:
            for place, line in document.lines.items():
                if place[:2] == ("steps", number):
                    lines[("steps", len(steps), *place[2:])] = line
            steps.append(written)
    return replace(document, value={**value, "steps": steps}, lines=lines)


def shrinking_entries(task_name: str, where: str = "", start: Start = UNKNOWN) -> list[Any]:
    """Entries of ``steps``, each open: any parts taken out, one recovery at most, one form at most.

    What makes the model smallest stands first, since a search begins there.

    Raises:
        InputError: there is no such task, or no step shrinks its models.
    """
    if task_name not in lookup.names("tasks"):
        # The recipe's own check says it with a suggestion.
        return []
    offered = start.abilities(lookup.task(task_name)) | lookup.runtime(start.runtime).abilities
    steps = [lookup.step(name) for name in lookup.step_names()]
    usable = [step for step in steps if step.shrinks and step.converts and step.needs <= offered]
    parts, recoveries, smaller, same = (
        [_entry(step) for step in usable if step.shrinks == kind] for kind in ("parts", "recovery", "bits", "form")
    )
    if not usable:
        raise InputError(f"auto: no step makes a model for {task_name} smaller", fix="write the steps out", where=where)
    entries = [{SEARCH: [part, None]} for part in parts]
    entries += [{SEARCH: [*recoveries, None]}] if parts and recoveries else []
    return [*entries, {SEARCH: [*smaller, *same, None]}]


def _entry(step: Step) -> Any:
    """The step, with every option open that it wants searched."""
    searched = {option.name: plain(option.searched) for option in step.options.values() if option.searched}
    options = {name: values[0] if len(values) == 1 else {SEARCH: values} for name, values in searched.items()}
    return {step.name: options} if options else step.name
