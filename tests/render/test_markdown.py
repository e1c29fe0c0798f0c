"""The model card: its metadata as the Hub reads it, its text as Markdown shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
import yaml
from huggingface_hub import ModelCard, ModelCardData

from modelyard.core.report import Measure
from modelyard.render.markdown import render_markdown
from modelyard.render.page import Page

EVIL = "<script>alert(1)</script> | [x](javascript:alert(1)) ![i](http://x.example) `c` *b* a@b.example"
FORGED = "spam\n---\nlicense: evil\r\n# heading\x1b[31m \u202egpj.exe: 'q\""


def front_matter(page: Page) -> dict[str, Any]:
    front: dict[str, Any] = yaml.safe_load(render_markdown(page).split("\n---\n")[0])
    return front


def body(text: str) -> str:
    return text.split("\n---\n", 1)[1]


def test_the_hub_reads_task_base_licence_and_measures(page: Page) -> None:
    card = cast(ModelCardData, ModelCard(render_markdown(page)).data)
    assert card.pipeline_tag == "text-classification"
    assert card.base_model == "owner/encoder"
    assert front_matter(page)["base_model_relation"] == "quantized"
    assert card.license == "mit"
    assert card.tags == ["modelyard", "onnxruntime", "quantized"]
    assert card.eval_results is not None
    found = {result.metric_name: result for result in card.eval_results}
    assert found["accuracy"].metric_value == page.measures["accuracy"].value
    assert found["f1_macro"].metric_type == "f1"
    assert found["accuracy"].dataset_split == "test"
    assert found["accuracy"].task_type == "text-classification"


def test_what_is_not_on_the_hub_or_not_known_is_left_out(make_page: Callable[..., Page]) -> None:
    page = make_page("spam", base="pypi:package==1.0/model")
    unknown = replace(
        page, model=replace(page.model, licence=None), measures={"accuracy": Measure(None)}, steps=page.steps[:1]
    )
    assert set(front_matter(unknown)) == {"library_name", "pipeline_tag", "tags"}
    assert "pypi:package==1.0/model" in body(render_markdown(unknown))


def test_a_fine_tuned_model_is_no_quantized_one(page: Page) -> None:
    assert front_matter(replace(page, steps=page.steps[:1]))["base_model_relation"] == "finetune"


def test_tables_hold_requirements_and_changes(page: Page) -> None:
    text = body(render_markdown(page))
    assert "| accuracy | ≥ 0.8 |" in text
    assert "| size\\_mb | 91.2 | 22.8 | – | 4.00× smaller |" in text
    assert "> **Warning:** class spam is rare" in text


@pytest.mark.parametrize("hostile", [EVIL, FORGED])
def test_names_labels_and_data_are_text_and_nothing_else(
    make_page: Callable[..., Page], page: Page, hostile: str
) -> None:
    text = render_markdown(make_page(hostile))
    assert len(text.splitlines()) == len(render_markdown(page).splitlines())
    assert front_matter(make_page(hostile))["license"] == "mit"
    for forbidden in ("<script", "[x]", "![", "://", "a@b", "\x1b", "\u202e", "\r"):
        assert forbidden not in body(text)
    rows = [line for line in body(text).splitlines() if line.startswith("| ham")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {6}


def test_the_card_is_the_same_every_time(make_page: Callable[..., Page]) -> None:
    assert render_markdown(make_page("spam")) == render_markdown(make_page("spam"))
