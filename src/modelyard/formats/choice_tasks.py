"""Multiple-choice tasks in the format of lm-evaluation-harness: a YAML file with templates, and data files beside it.

https://github.com/EleutherAI/lm-evaluation-harness, ``docs/task_guide.md``. Read is what can be read without running
foreign code or asking a hub: templates run in a sandbox, ``!function`` and ``include`` are refused, data are local
files. Knows no model.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError, suggestion
from modelyard.core.source import Source
from modelyard.formats.document import parse
from modelyard.methods.sandboxed_template import fill

KEYS = frozenset({"task", "output_type", "dataset_path", "dataset_kwargs", "doc_to_text", "doc_to_choice"}) | frozenset(
    {"doc_to_target", "description", "target_delimiter", "fewshot_delimiter", "num_fewshot", "fewshot_split"}
)
"""What is obeyed."""
IGNORED = frozenset({"tag", "group", "metadata", "metric_list", "dataset_name", "repeats", "should_decontaminate"}) | (
    frozenset({"training_split", "validation_split", "test_split", "doc_to_decontamination_query", "task_alias"})
)
"""What changes no score of ours; the splits are looked up."""
SPLITS = ("test_split", "validation_split", "training_split")
READERS = {"json": (".json", ".jsonl"), "csv": (".csv",), "parquet": (".parquet",)}
"""``dataset_path`` → ends of its files."""


@dataclass(frozen=True)
class Question:
    """A prompt, its choices as they follow it (delimiter included), the bare ones, and the number of the right one."""

    prompt: str
    continuations: Sequence[str]
    choices: Sequence[str]
    target: int


def read(source: Source) -> dict[str, list[Question]]:
    """Task → its questions, of every YAML file in a folder.

    Raises:
        InputError: no folder, no task in it, or a task that cannot be used; names the file.
    """
    files = sorted([*source.path.glob("*.yaml"), *source.path.glob("*.yml")]) if source.path.is_dir() else []
    if not files:
        raise InputError(
            "no task here",
            expected="a folder with a task as YAML (doc_to_text, doc_to_choice, doc_to_target) and its data files",
            where=source.reference,
        )
    found: dict[str, list[Question]] = {}
    for file in files:
        with_place = parse(file.read_text(encoding="utf-8"), file.name).value
        try:
            name, questions = _read_task(with_place, source.path, file.stem)
        except InputError as error:
            error.where = f"{file.name}: {error.where}" if error.where else file.name
            raise
        if name in found:
            raise InputError(f"two tasks are called {name!r}", fix="give each its own task:", where=file.name)
        found[name] = questions
    return found


def _read_task(task: Any, folder: Path, stem: str) -> tuple[str, list[Question]]:
    if not isinstance(task, dict):
        raise InputError("a task is a mapping", expected="doc_to_text, doc_to_choice, doc_to_target, dataset_path")
    for key in task:
        if key not in KEYS | IGNORED:
            raise InputError(
                f"{key!r} is not read", expected="a task without code and includes", fix=suggestion(key, KEYS)
            )
    if task.get("output_type") != "multiple_choice":
        raise InputError(f"output_type: {task.get('output_type')!r}", expected="multiple_choice")
    for key in ("doc_to_text", "doc_to_choice", "doc_to_target"):
        if key not in task:
            raise InputError(f"{key!r} is missing", expected="a template or the name of a column")
    split = next((str(task[key]) for key in SPLITS if task.get(key)), "test")
    docs = _read_rows(task, folder, split)
    shown = _shots(task, folder, split, docs)
    name = str(task.get("task", stem))
    return name, [_question(task, doc, [other for other in shown if other is not doc][: _count(task)]) for doc in docs]


def _question(task: Mapping[str, Any], doc: Mapping[str, Any], shots: Sequence[Mapping[str, Any]]) -> Question:
    delimiter = str(task.get("target_delimiter", " "))
    between = str(task.get("fewshot_delimiter", "\n\n"))
    description = task.get("description")
    prompt = fill(str(description), doc) if description else ""
    for shot in shots:
        choices = _choices(task, shot)
        prompt += f"{_text(task, shot)}{delimiter}{choices[_target(task, shot, choices)]}{between}"
    choices = _choices(task, doc)
    continuations = [f"{delimiter}{choice}" for choice in choices]
    return Question(prompt + _text(task, doc), continuations, choices, _target(task, doc, choices))


def _text(task: Mapping[str, Any], doc: Mapping[str, Any]) -> str:
    template = str(task["doc_to_text"])
    return str(doc[template]) if template in doc else fill(template, doc)


def _choices(task: Mapping[str, Any], doc: Mapping[str, Any]) -> list[str]:
    given: Any = task["doc_to_choice"]
    if isinstance(given, str):
        given = doc[given] if given in doc else _literal(fill(given, doc))
    choices = list(given.values() if isinstance(given, dict) else given) if isinstance(given, list | dict) else []
    if len(choices) < 2:
        raise InputError(f"doc_to_choice gives {given!r:.80}", expected="a list of two choices or more")
    return [str(choice) for choice in choices]


def _target(task: Mapping[str, Any], doc: Mapping[str, Any], choices: Sequence[str]) -> int:
    given: Any = task["doc_to_target"]
    if isinstance(given, str):
        given = doc[given] if given in doc else fill(given, doc)
    if isinstance(given, str) and given not in choices and given.strip().isdecimal():
        given = int(given)
    if isinstance(given, str) and given in choices:
        return choices.index(given)
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(choices):
        return given
    raise InputError(
        f"doc_to_target gives {given!r:.80}", expected=f"one of the choices, or a number from 0 to {len(choices) - 1}"
    )


def _literal(text: str) -> Any:
    """A list as a template writes it; only literals, nothing is evaluated."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise InputError(f"doc_to_choice gives {text!r:.80}", expected="a list, such as {{[right, wrong]}}") from None


def _count(task: Mapping[str, Any]) -> int:
    count = task.get("num_fewshot") or 0
    if not isinstance(count, int) or not 0 <= count <= 100:
        raise InputError(f"num_fewshot: {count!r}", expected="a whole number from 0 to 100")
    return count


def _shots(
    task: Mapping[str, Any], folder: Path, split: str, docs: Sequence[Mapping[str, Any]]
) -> Sequence[Mapping[str, Any]]:
    """Rows that examples are taken of, from the first: no draw, so that two models see the same ones."""
    if not _count(task):
        return []
    other = str(task.get("fewshot_split") or task.get("training_split") or split)
    return docs if other == split else _read_rows(task, folder, other)


def _read_rows(task: Mapping[str, Any], folder: Path, split: str) -> list[dict[str, Any]]:
    kind = task.get("dataset_path")
    if kind not in READERS:
        raise InputError(
            f"dataset_path: {kind!r}",
            expected=f"data in files beside the task: {', '.join(READERS)}",
            fix="dataset_path: json, dataset_kwargs: {data_files: {test: questions.jsonl}}",
        )
    files = (task.get("dataset_kwargs") or {}).get("data_files")
    name = files.get(split) if isinstance(files, dict) else files
    if not isinstance(name, str):
        raise InputError(f"data_files names no file for the split {split!r}", expected=f"{{{split}: FILE}}")
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise InputError(f"there is no {name!r} beside the task", expected="a file in the task's folder")
    if path.suffix not in READERS[kind]:
        raise InputError(f"{name!r} as {kind}", expected=f"a file that ends in {' or '.join(READERS[kind])}")
    rows = _read_file(path)
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{name!r} holds no rows", expected="one mapping a row")
    return rows


def _read_file(path: Path) -> list[Any]:
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            return list(pq.read_table(path, partitioning=None).to_pylist())
        if path.suffix == ".csv":
            from pyarrow import csv

            return list(csv.read_csv(path).to_pylist())
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        found = json.loads(text)
        return found if isinstance(found, list) else []
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path.name!r} cannot be read: {str(error)[:120]}") from None
