"""The HTML page: complete, inert, self-contained, the same every time."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from modelyard.render.html import render_html, render_report
from modelyard.render.page import Page

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> javascript:alert(1) {{ 7*7 }} </style>"
FORGED = "spam\r\nSet-Cookie: a=1\x1b[31mred\x1b[0m \u202egpj.exe \u2066x"
VOID = {"meta", "i", "img", "br", "link", "input"}


class Reader(HTMLParser):
    """Collects elements and attributes, and checks that elements nest."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "img", "br", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: Page) -> Reader:
    reader = Reader()
    reader.feed(render_html(page))
    reader.close()
    assert reader.open == []
    return reader


def words(reader: Reader) -> str:
    return " ".join(" ".join(reader.text).split())


def test_the_page_says_what_was_asked_found_and_decided(page: Page) -> None:
    text = words(read(page))
    for part in ("not met", "inconclusive", "≥ 0.8", "≥ 0.93 (95% sure)", "rise ≤ 0.1 against base"):
        assert part in text
    for part in ("4.00× smaller", "3.10× faster", "4.00× faster", "91.2", "22.8"):
        assert part in text
    for part in ("class spam is rare", "700 rows", "1 min 33 s", "reused", "hf:owner/encoder@main", "ab" * 32):
        assert part in text
    for part in ("Confusion matrix", "Calibration", "ROC curve", "Precision–recall curve", "Per class", "mcnemar_p"):
        assert part in text


def test_figures_stand_in_the_page_as_named_images(page: Page) -> None:
    figures = [attributes for tag, attributes in read(page).elements if tag == "svg"]
    assert [figure["aria-label"] for figure in figures] == [
        "Loss", "Confusion matrix", "Calibration", "ROC curve", "Precision–recall curve",
    ]  # fmt: skip
    assert {figure["role"] for figure in figures} == {"img"}


@pytest.mark.parametrize("hostile", [EVIL, FORGED])
def test_names_labels_and_data_are_text_and_nothing_else(
    make_page: Callable[..., Page], page: Page, hostile: str
) -> None:
    harmless, attacked = read(page), read(make_page(hostile))
    assert {tag for tag, _ in attacked.elements} == {tag for tag, _ in harmless.elements}
    for tag, attributes in attacked.elements:
        assert tag not in {"script", "img", "iframe", "object", "embed", "link", "form", "base", "a"}
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "src", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")


def test_a_hostile_name_is_shown_as_it_is_written(make_page: Callable[..., Page]) -> None:
    assert "<script>alert(1)</script>" in words(read(make_page(EVIL)))
    source = render_html(make_page(FORGED))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\r]", source)
    assert r"\r\nSet-Cookie: a=1\x1b[31mred" in source
    assert r"\u202egpj.exe" in source


def test_the_policy_allows_this_style_sheet_and_nothing_else(page: Page) -> None:
    reader = read(page)
    metas = [attributes for tag, attributes in reader.elements if tag == "meta"]
    policy = next(item["content"] for item in metas if item.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "script" not in policy
    style = re.findall(r"<style>(.*?)</style>", render_html(page), re.DOTALL)
    assert len(style) == 1
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    assert f"style-src-elem 'sha256-{digest}'" in policy


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    source = render_html(page)
    assert not re.search(r"@import|url\((?!#)|src=", source)
    assert set(re.findall(r"https?://[^\s\"'<]+", source)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_colours_of_figures_follow_the_page(page: Page) -> None:
    source = render_html(page)
    figures = "".join(re.findall(r"<svg.*?</svg>", source, re.DOTALL))
    assert "var(--series-1)" in figures
    assert not re.search(r"#[0-9a-f]{6}\b", figures)
    known = set(re.findall(r"(--[a-z0-9-]+):", source))
    assert set(re.findall(r"var\((--[a-z0-9-]+)\)", source)) <= known


def test_no_two_elements_share_an_id(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in read(page).elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_same_facts_give_the_same_bytes(make_page: Callable[..., Page]) -> None:
    assert render_html(make_page("spam")) == render_html(make_page("spam"))


def test_a_page_with_next_to_nothing_on_it(page: Page) -> None:
    empty = replace(
        page, requirements=[], measures={}, before=None, data=None, steps=[], findings=[], training=[], environment={},
        lineage={}, version="", created="",
    )  # fmt: skip
    text = words(read(empty))
    assert "no requirements were set" in text
    assert "Requirements" not in text


def test_without_a_conversion_there_is_no_before(page: Page) -> None:
    text = words(read(replace(page, before=None)))
    assert "At a glance" in text
    assert "Before and after" not in text


def test_a_long_table_is_cut_and_says_so(page: Page) -> None:
    title, findings = page.findings[0]
    table = findings.tables[0]
    long = replace(table, rows=[[f"class {number}", 1, 1, 1, 5] for number in range(100)])
    text = words(read(replace(page, findings=[(title, replace(findings, tables=[long]))])))
    assert "40 more rows" in text
    assert "class 59" in text
    assert "class 60" not in text


def test_a_report_alone_is_drawn_and_as_inert(make_page: Callable[..., Page]) -> None:
    for word, title in (("spam", "evaluate"), (EVIL, FORGED)):
        page = make_page(word)
        found = page.findings[0][1]
        drawn = render_report(title, found)
        reader = Reader()
        reader.feed(drawn)
        reader.close()
        assert reader.open == []
        assert "script" not in {name for name, _ in reader.elements}
        assert sum(name == "figure" for name, _ in reader.elements) == len(found.figures) > 0
        assert drawn == render_report(title, found)
    assert "\u202e" not in drawn
