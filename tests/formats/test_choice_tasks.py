"""Tasks in the format of lm-evaluation-harness: what is read, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelyard.core.errors import InputError
from modelyard.core.source import Source
from modelyard.formats.choice_tasks import Question, read
from modelyard.formats.document import write_yaml

ROWS = [
    {"question": " 2 + 2? ", "options": ["3", "4"], "answer": 1, "right": "4", "wrong": "3"},
    {"question": "Capital of France?", "options": ["Paris", "Rome"], "answer": 0, "right": "Paris", "wrong": "Rome"},
]
TASK = {
    "task": "facts",
    "output_type": "multiple_choice",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "facts.jsonl"}},
    "test_split": "test",
    "doc_to_text": "Question: {{question.strip()}}\nAnswer:",
    "doc_to_choice": "options",
    "doc_to_target": "answer",
    "metric_list": [{"metric": "acc"}],
}


def write(folder: Path, rows: list[dict[str, Any]] = ROWS, **changes: Any) -> Source:
    (folder / "facts.jsonl").write_text("\n".join(map(json.dumps, rows)))
    task = {key: value for key, value in (TASK | changes).items() if value is not None}
    (folder / "facts.yaml").write_text(write_yaml(task))
    return Source(str(folder), folder, "", {})


def test_a_usual_task(tmp_path: Path) -> None:
    assert read(write(tmp_path)) == {
        "facts": [
            Question("Question: 2 + 2?\nAnswer:", [" 3", " 4"], ["3", "4"], 1),
            Question("Question: Capital of France?\nAnswer:", [" Paris", " Rome"], ["Paris", "Rome"], 0),
        ]
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"doc_to_choice": "{{[wrong, right]}}", "doc_to_target": "right"},
        {"doc_to_choice": "{{[wrong, right]}}", "doc_to_target": "{{right}}"},
        {"doc_to_choice": "{{[wrong, right]}}", "doc_to_target": 1},
        {"doc_to_choice": "{{[wrong, right]}}", "doc_to_target": "1"},
    ],
)
def test_choices_and_targets_may_be_templates(tmp_path: Path, changes: dict[str, Any]) -> None:
    (questions,) = read(write(tmp_path, **changes)).values()
    assert [question.choices[question.target] for question in questions] == ["4", "Paris"]


def test_examples_come_before_the_question_and_never_show_it(tmp_path: Path) -> None:
    (questions,) = read(write(tmp_path, num_fewshot=1, description="Facts.\n", target_delimiter="_")).values()
    assert questions[0].prompt == ("Facts.\nQuestion: Capital of France?\nAnswer:_Paris\n\nQuestion: 2 + 2?\nAnswer:")
    assert questions[1].prompt.startswith("Facts.\nQuestion: 2 + 2?\nAnswer:_4\n\n")
    assert questions[0].continuations == ["_3", "_4"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"process_docs": "x"}, "'process_docs' is not read"),
        ({"include": "other.yaml"}, "'include' is not read"),
        ({"output_type": "generate_until"}, "output_type: 'generate_until'"),
        ({"dataset_path": "hellaswag"}, "dataset_path: 'hellaswag'"),
        ({"dataset_kwargs": {"data_files": {"test": "../outside.jsonl"}}}, "there is no '../outside.jsonl' beside"),
        ({"dataset_kwargs": None}, "names no file for the split 'test'"),
        ({"doc_to_target": "9"}, "doc_to_target gives 9"),
        ({"doc_to_target": None}, "'doc_to_target' is missing"),
        ({"doc_to_choice": "{{question}}"}, "doc_to_choice gives"),
        ({"doc_to_text": "{{missing}}"}, "'missing' is undefined"),
        ({"doc_to_text": "{{ ''.__class__.__mro__ }}"}, "does what it must not"),
        ({"doc_to_text": "{{ question * 100000000 }}"}, "does what it must not"),
        ({"num_fewshot": "many"}, "num_fewshot: 'many'"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_file(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(write(tmp_path, **changes))
    assert message in str(caught.value)
    assert str(caught.value).startswith("facts.yaml")


def test_code_in_yaml_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path)
    with (tmp_path / "facts.yaml").open("a") as file:
        file.write("process_docs: !function utils.process\n")
    with pytest.raises(InputError, match="tag '!function'"):
        read(source)
    with pytest.raises(InputError, match="no task here"):
        read(Source("empty", tmp_path / "nothing", "", {}))


def test_other_files(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{key: row[key] for key in ("question", "right", "wrong", "answer")} for row in ROWS]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "facts.parquet")
    (tmp_path / "facts.csv").write_text(
        "question,right,wrong,answer\n" + "\n".join(",".join(str(cell) for cell in row.values()) for row in rows)
    )
    (tmp_path / "facts.json").write_text(json.dumps(rows))
    for kind, name in (("parquet", "facts.parquet"), ("csv", "facts.csv"), ("json", "facts.json")):
        given: dict[str, Any] = {
            "dataset_path": kind,
            "dataset_kwargs": {"data_files": name},
            "doc_to_choice": "{{[wrong, right]}}",
        }
        (questions,) = read(write(tmp_path, **given, doc_to_target="right")).values()
        assert [question.choices for question in questions] == [["3", "4"], ["Rome", "Paris"]]
