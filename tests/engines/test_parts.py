"""Answers part by part: the same whatever the size, a cut run goes on, and parts of other work are refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InputError
from modelyard.engines.parts import answer_parts


def squares(rows: Sequence[int]) -> list[int]:
    return [row * row for row in rows]


@given(st.lists(st.integers(-1000, 1000), max_size=40), st.integers(1, 12))
def test_parts_put_together_are_the_answers_in_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[int], size: int
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    parts = list(answer_parts(squares, rows, folder, {}, size=size))
    assert [first for first, _ in parts] == list(range(0, len(rows), size))
    assert [value for _, part in parts for value in part] == squares(rows)


def test_a_run_that_was_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    rows, asked = list(range(10)), list[int]()

    def failing(part: Sequence[int]) -> list[int]:
        if 6 in part:
            raise KeyboardInterrupt
        asked.extend(part)
        return squares(part)

    def working(part: Sequence[int]) -> list[int]:
        asked.extend(part)
        return squares(part)

    with pytest.raises(KeyboardInterrupt):
        list(answer_parts(failing, rows, tmp_path / "parts", {"model": "a"}, size=3))
    found = list(answer_parts(working, rows, tmp_path / "parts", {"model": "a"}, size=3))
    assert asked == rows
    assert [value for _, part in found for value in part] == squares(rows)


@pytest.mark.parametrize(("identity", "count"), [({"model": "b"}, 4), ({"model": "a"}, 5)])
def test_parts_of_other_work_are_not_mixed_in(tmp_path: Path, identity: dict[str, str], count: int) -> None:
    list(answer_parts(squares, range(4), tmp_path / "parts", {"model": "a"}))
    with pytest.raises(InputError, match="part of another run"):
        list(answer_parts(squares, range(count), tmp_path / "parts", identity))


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="not empty"):
        list(answer_parts(squares, range(4), tmp_path, {}))
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
