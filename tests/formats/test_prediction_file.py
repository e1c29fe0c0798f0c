"""Predictions as a file: what a spreadsheet opens does nothing."""

from __future__ import annotations

import csv
import io
import json

import pytest

from modelyard.formats.prediction_file import encode

FORMULA = '=HYPERLINK("http://evil.example", "x")'


@pytest.mark.parametrize("text", [FORMULA, "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_that_begins_like_a_formula_is_shown_as_text(text: str) -> None:
    (row,) = csv.DictReader(io.StringIO(encode("p.csv", [{"label": text, "score": -0.5}]).decode(), newline=""))
    assert row == {"row": "0", "label": f"'{text}", "score": "-0.5"}
    assert json.loads(encode("p.jsonl", [{"label": text}]))["label"] == text


def test_other_cells_stay_as_they_are() -> None:
    data = encode("p.csv", [{"label": "ham = spam", "scores": {"=x": 0.25}}]).decode()
    assert data == "row,label,scores.=x\r\n0,ham = spam,0.25\r\n"
