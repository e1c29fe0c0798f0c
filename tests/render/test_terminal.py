"""Tables on the terminal: complete in a pipe, coloured on a terminal, deaf to escape codes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from rich.console import Console

from modelyard.render.page import Page
from modelyard.render.terminal import print_findings, print_outcome, print_requirements


def test_in_a_pipe_every_word_is_there_and_nothing_else(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    print_outcome(page)
    text = capsys.readouterr().out
    assert "\x1b" not in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "size_mb ≤ 20 22.8 – 20 not met" in lines
    assert "size_mb 91.2 22.8 – 4.00× smaller" in lines
    assert "1 finetune full epochs 2, schedule spam 1 min 33 s 1f1f1f1f1f1f" in lines
    assert any(line.startswith("f1:spam ≥ 0.93 (95% sure)") and line.endswith("inconclusive") for line in lines)


def test_a_terminal_gets_colours(page: Page) -> None:
    output = io.StringIO()
    print_requirements(page.requirements, Console(file=output, force_terminal=True, width=120, color_system="standard"))
    assert re.search(r"\x1b\[1;31mnot met", output.getvalue())
    assert re.search(r"\x1b\[1;36mmet", output.getvalue())


def test_a_report_shows_measures_tables_and_notes(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    print_findings(page.findings[0][1])
    text = capsys.readouterr().out
    for part in ("Measures", "calibration_error", "Per class", "support"):
        assert part in text


def test_markup_and_escape_codes_in_names_have_no_effect(
    make_page: Callable[..., Page], page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    print_outcome(page)
    plain = capsys.readouterr().out
    print_outcome(make_page("[red]x[/red]\x1b]0;owned\x07\r\n\u202e"))
    text = capsys.readouterr().out
    assert r"[red]x[/red]\x1b]0;owned\x07\r\n\u202e" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", text)
    assert len(text.splitlines()) == len(plain.splitlines())


def test_nothing_to_show_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_requirements([])
    assert capsys.readouterr().out == ""
