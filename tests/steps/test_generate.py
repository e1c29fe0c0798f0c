"""``generate`` on a tiny language model."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.report import Report
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.testing import tiny

STEP = lookup.step("generate")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    source = Source("tiny", tiny.write_causal(tmp_path_factory.mktemp("source")), "", {})
    return lookup.task("text-generation").adopt(source, tmp_path_factory.mktemp("model"), data=None, seed=0)


def _generate(model: Model, folder: Path, **options: object) -> Report:
    folder.mkdir()
    result = execute(STEP, [model], STEP.check_options(dict(options)), out=folder, scratch=folder)
    assert isinstance(result, Report)
    return result


def test_the_table_holds_what_the_model_answers(model: Model, tmp_path: Path) -> None:
    prompts = ["hello there", "see you"]
    report = _generate(model, tmp_path / "out", prompts=prompts, sequences=2, max_tokens=8, temperature=1.0, seed=3)
    (table,) = report.findings.tables
    assert [row[:2] for row in table.rows] == [[prompt, number] for prompt in prompts for number in (1, 2)]
    with Predictor(model) as predictor:
        (answer,) = predictor.predict(
            [{"text": "see you"}], sequences=2, max_tokens=8, temperature=1.0, top_p=0.95, seed=3
        )
    assert [row[2] for row in table.rows[2:]] == [one["text"] for one in answer["sequences"]]


def test_the_same_seed_gives_the_same_report(model: Model, tmp_path: Path) -> None:
    options = {"prompts": ["hello"], "max_tokens": 8}
    digests = [_generate(model, tmp_path / name, **options).digest for name in ("one", "two")]
    assert digests[0] == digests[1]
    assert _generate(model, tmp_path / "three", **options, seed=1).digest != digests[0]


def test_chat_goes_through_the_template(model: Model, tmp_path: Path) -> None:
    plain, chat = (
        _generate(model, tmp_path / str(on), prompts=["hello"], chat=on, max_tokens=6, temperature=0, sequences=1)
        for on in (False, True)
    )
    assert plain.findings.tables[0].rows[0][2] != chat.findings.tables[0].rows[0][2]


def test_no_prompts_are_an_error(model: Model, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no prompts"):
        _generate(model, tmp_path / "out", prompts=[])
