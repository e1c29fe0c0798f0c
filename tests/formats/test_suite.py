"""Suites are read whole: templates stand for the rows that they should, and every mistake is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.core.errors import InputError
from modelyard.formats import suite

GOOD = """\
suite: 1
model: yard:sms-spam@production
cases:
  - name: a prize is spam
    row: {text: "win a {prize}, text {number}"}
    fill: {prize: [car, holiday], number: ["80082", "88800", "{prize}"]}
    expect: spam
  - name: a link makes spam likelier
    row: {text: "see you at {nine}"}
    becomes: {text: "see you at {nine}, www.prize.example"}
    rises: spam
"""


def read(folder: Path, text: str) -> suite.Suite:
    path = folder / "x.suite.yaml"
    path.write_text(text, encoding="utf-8")
    return suite.read(path)


def test_templates_stand_for_every_combination(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    first, second = found.cases
    assert found.model == "yard:sms-spam@production"
    assert [row["text"] for row, _ in first.pairs()] == [
        f"win a {prize}, text {number}" for number in ("80082", "88800", "{prize}") for prize in ("car", "holiday")
    ]
    # Without values, braces are text.
    assert list(second.pairs()) == [({"text": "see you at {nine}"}, {"text": "see you at {nine}, www.prize.example"})]
    assert (first.kind, second.kind) == ("minimum function", "direction")


def test_a_folder_of_suites_is_one_suite(tmp_path: Path) -> None:
    read(tmp_path, GOOD)
    (tmp_path / "y.suite.yaml").write_text("suite: 1\ngenerated: true\n")
    found = suite.read(tmp_path)
    assert (len(found.cases), found.generated) == (2, True)


MANY = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO")
CASE = "suite: 1\ncases:\n  - name: n\n    "


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("fill:", "fil:"), ["unknown key 'fil'", "did you mean 'fill'?", "line 6"]),
        (GOOD.replace("cases:", "case:"), ["unknown key 'case'", "did you mean 'cases'?", "line 3"]),
        (GOOD.replace("suite: 1", "suite: 2"), ["suite: 1, the version"]),
        (GOOD.replace("{number}", "{numbre}"), ["{numbre}", "did you mean 'number'?", "line 4"]),
        (GOOD.replace("a link makes spam likelier", "a prize is spam"), ["two cases are called", "line 8"]),
        (GOOD.replace("    rises: spam\n", ""), ["0 things that must hold", "at_most_ms"]),
        (GOOD.replace("rises: spam", "rises: spam\n    falls: spam"), ["2 things"]),
        (CASE + "expect: spam\n", ["no rows"]),
        (CASE + "row: {text: a}\n    rises: spam\n", ["becomes"]),
        (CASE + "row: {text: a}\n    becomes: {text: b}\n    expect: spam\n", ["becomes"]),
        (CASE + "row: {text: a}\n    outcome: dropped\n", ["answered, refused, either", "line 3"]),
        (CASE + "row: {text: a}\n    at_most_ms: -1\n", ["0.001 or more"]),
        (CASE + "row: {text: a}\n    expect: !!python/name:os.system x\n", ["tag", "line 5"]),
        (
            CASE + f"row: {{text: '{{a}}{{b}}'}}\n    fill: {{a: {MANY}, b: {MANY}}}\n    expect: a\n",
            ["1681 rows"],
        ),
        ("suite: 1\n", ["no cases"]),
        ("- a\n", ["not a mapping"]),
    ],
)
def test_a_mistake_is_said_with_its_place(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    for word in words:
        assert word in str(caught.value)


def test_a_folder_without_suites_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no suite in the folder"):
        suite.read(tmp_path)
