"""Conformance of a step: its declaration, and its behaviour on given artifacts."""

from __future__ import annotations

import ast
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.core import lookup
from modelyard.core.artifact import Artifact, open_artifact
from modelyard.core.errors import InputError
from modelyard.core.options import json_schema, plain
from modelyard.core.source import Source
from modelyard.core.step import Step
from modelyard.engines.local import execute

HEAVY = frozenset(
    {"torch", "transformers", "onnx", "onnxruntime", "pyarrow", "pandas", "sklearn", "matplotlib", "scipy"}
    | {"datasets", "openvino", "rich"}
)
"""Packages that a step's file may import inside functions only."""


def check_step(
    name: str,
    inputs: Sequence[Artifact | Source | None],
    options: Mapping[str, Any] | None = None,
    *,
    repeatable: bool = True,
) -> Artifact:
    """Hold a step to the contract and return what it made.

    Args:
        name: verb and method.
        inputs: one for each positional parameter.
        options: as a recipe would give them.
        repeatable: the same inputs must give the same digest (False for measurements of time).
    """
    step = lookup.step(name)
    check_declaration(step)
    checked = step.check_options(dict(options or {}))
    before = [item.digest for item in inputs if item is not None]
    results = [_run(step, inputs, checked) for _ in range(2 if repeatable else 1)]
    for item in inputs:
        if isinstance(item, Artifact):
            item.verify()
    assert [item.digest for item in inputs if item is not None] == before
    assert len({result.digest for result in results}) == 1, f"{name}: two runs gave different digests"
    return results[0]


def check_declaration(step: Step) -> None:
    """What can be said of a step without running it."""
    assert step.summary, f"{step.name}: the docstring has no summary line"
    assert step.summary[0].isupper() and len(step.summary) <= 110, f"{step.name}: {step.summary!r} is no summary"
    for parameter in step.parameters:
        assert parameter.help, f"{step.name}: the docstring says nothing of {parameter.name!r} under Args"
    for option in step.options.values():
        assert option.help, f"{step.name}: the docstring says nothing of {option.name!r} under Args"
        json.dumps(json_schema(option.annotation))
        if not option.required:
            assert plain(option.check(option.default)) == plain(option.default), (
                f"{step.name}: the default of {option.name!r} is not of its own type"
            )
    try:
        step.check_options({"no such option": 1})
    except InputError as error:
        assert "no such option" in str(error)
    else:
        raise AssertionError(f"{step.name}: an unknown option was taken")
    heavy = top_level_imports(step.source_file) & HEAVY
    assert not heavy, f"{step.name}: imports {', '.join(sorted(heavy))} outside a function"


def top_level_imports(file: Path) -> set[str]:
    """Packages that importing the file imports (those for type checking only are left out)."""
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def _run(step: Step, inputs: Sequence[Artifact | Source | None], options: Mapping[str, Any]) -> Artifact:
    folder = Path(tempfile.mkdtemp(prefix="modelyard-check-"))
    out, scratch = folder / "out", folder / "scratch"
    out.mkdir()
    scratch.mkdir()
    made = execute(step, inputs, options, out=out, scratch=scratch)
    made.verify()
    assert open_artifact(out, expected_digest=made.digest) == made, f"{step.name}: reading back gives something else"
    return made
