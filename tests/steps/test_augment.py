"""Copies stand behind the rows that they were made from, in the training split alone, with their labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import CHANGES, ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.formats import image_file
from modelyard.methods import text_edits
from modelyard.recipes.plan import make_plan
from modelyard.recipes.problems import RecipeError
from modelyard.recipes.recipe import parse_recipe
from modelyard.sources import fetch
from modelyard.testing import check_step, tiny

TYPE = pa.struct([("size", pa.float64()), ("kind", pa.string())])
Make = Callable[..., Dataset]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("augment")


@pytest.fixture(scope="module")
def make(folder: Path) -> Make:
    """A dataset of six rows to learn from and two to judge by, with one role of content."""

    def write(role: str, values: list[Any], kind: pa.DataType, **extra: list[Any]) -> Dataset:
        place = folder / f"{role} {len(list(folder.iterdir()))}"
        place.mkdir()
        columns = {role: pa.array(values, kind), "label": list(tiny.LABELS)} | extra
        table = pa.table({ROW_ID: pa.array(range(6), pa.int64()), **columns})
        return Dataset.write(place, {"train": table, "test": table.slice(0, 2)}, parents=[], labels=["ham", "spam"])

    return write


@pytest.fixture(scope="module")
def texts(make: Make) -> Dataset:
    return make("text", list(tiny.TEXTS), pa.string())


@pytest.fixture(scope="module")
def table(make: Make) -> Dataset:
    rows = [{"size": float(number) if number else None, "kind": "ab"[number % 2]} for number in range(6)]
    return make("features", rows, TYPE)


@pytest.fixture(scope="module")
def images(make: Make) -> Dataset:
    files = [tiny.image("bright" if label == "spam" else "dark", n) for n, label in enumerate(tiny.LABELS)]
    return make("image", files, pa.binary())


def run(name: str, inputs: list[Any], out: Path, **options: Any) -> Dataset:
    step = lookup.step(name)
    out.mkdir(parents=True)
    made = execute(step, inputs, step.check_options(options), out=out, scratch=out)
    assert isinstance(made, Dataset)
    return made


def new_rows(made: Dataset, data: Dataset) -> list[Any]:
    """Rows that were added; those that were there come first and are the same."""
    rows = made.rows("train")
    there = [{key: value for key, value in row.items() if key in data.roles} for row in rows[:6]]
    assert there == data.rows("train")
    assert made.table("test").select(list(data.roles)) == data.table("test")
    assert made.profile[CHANGES][-1]["rows"] == len(rows)
    return list(rows[6:])


@pytest.mark.parametrize("name", ["augment typos", "augment words", "augment insert", "augment homoglyphs"])
def test_copies_of_texts_are_edited_and_keep_label_and_number(texts: Dataset, name: str) -> None:
    made = check_step(name, [texts], {"copies": 3, "rate": 0.2})
    assert isinstance(made, Dataset)
    found = new_rows(made, texts)
    assert len(found) == 18
    assert all(row["label"] == tiny.LABELS[row[ROW_ID]] for row in found)
    assert all(row["text"] != tiny.TEXTS[row[ROW_ID]] for row in found)
    assert len({row["text"] for row in found}) > 12


def test_the_verb_alone_makes_typing_errors(texts: Dataset, tmp_path: Path) -> None:
    for row in new_rows(run("augment", [texts], tmp_path / "out"), texts):
        pairs = zip(tiny.TEXTS[row[ROW_ID]].split(), row["text"].split(), strict=True)
        assert all(new == old or new in text_edits.typos(old) for old, new in pairs)


def test_words_are_put_in_from_texts_of_the_class(texts: Dataset, tmp_path: Path) -> None:
    made = run("augment insert", [texts], tmp_path / "out", rate=0.5)
    for row in new_rows(made, texts):
        own = {
            word
            for text, label in zip(tiny.TEXTS, tiny.LABELS, strict=True)
            if label == row["label"]
            for word in text.split()
        }
        assert set(row["text"].split()) <= own


def test_noise_has_its_deviation_and_leaves_categories_and_gaps(make: Make, table: Dataset, tmp_path: Path) -> None:
    made = check_step("augment noise", [table], {"copies": 100, "deviation": 0.5})
    assert isinstance(made, Dataset)
    found = new_rows(made, table)
    known = [row["features"] for row in table.rows("train")]
    assert all(row["features"]["kind"] == known[row[ROW_ID]]["kind"] for row in found)
    assert all((row["features"]["size"] is None) == (row[ROW_ID] == 0) for row in found)
    apart = [row["features"]["size"] - known[row[ROW_ID]]["size"] for row in found if row[ROW_ID]]
    assert np.mean(apart) == pytest.approx(0, abs=0.1)
    assert np.std(apart) == pytest.approx(0.5 * np.std([1, 2, 3, 4, 5]), rel=0.1)


def test_a_mixture_is_two_rows_with_weights_that_sum_to_one(table: Dataset) -> None:
    made = check_step("augment mixup", [table], {"copies": 5, "alpha": 1.0})
    assert isinstance(made, Dataset)
    found = new_rows(made, table)
    assert made.column("test", "weight") == [1.0, 1.0]
    assert sum(row["weight"] for row in found) == pytest.approx(30)
    assert all(row["weight"] >= 0.5 for row in found if row["label"] == tiny.LABELS[row[ROW_ID]])
    others = [row for row in found if row["label"] != tiny.LABELS[row[ROW_ID]]]
    assert others
    sizes = {row["features"]["size"] for row in found if row["label"] == tiny.LABELS[row[ROW_ID]]}
    assert all(row["weight"] <= 0.5 and row["features"]["size"] in sizes for row in others)


def test_mixed_numbers_have_a_mixed_target(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    rows = [{"size": float(number), "kind": "a"} for number in range(6)]
    numbers = pa.array(range(6), pa.int64())
    split = pa.table({ROW_ID: numbers, "features": pa.array(rows, TYPE), "target": [3.0 * n for n in range(6)]})
    data = Dataset.write(tmp_path / "data", {"train": split}, parents=[])
    made = run("augment mixup", [data], tmp_path / "out", alpha=1.0)
    found = made.rows("train")[6:]
    assert len(found) == 6
    assert all(row["target"] == pytest.approx(3 * row["features"]["size"]) for row in found)


def test_copies_of_images_show_the_same(images: Dataset) -> None:
    made = check_step("augment images", [images], {"copies": 2})
    assert isinstance(made, Dataset)
    for row in new_rows(made, images):
        pixels = np.asarray(image_file.decode(row["image"]))
        assert pixels.shape == (24, 24, 3)
        assert (pixels.max() > 150) == (row["label"] == "spam")
        assert row["image"] != images.rows("train")[row[ROW_ID]]["image"]


@pytest.mark.parametrize("name", ["augment mixup", "augment cutmix"])
def test_images_are_mixed_as_their_weights_say(images: Dataset, name: str) -> None:
    made = check_step(name, [images], {"copies": 4, "alpha": 1.0})
    assert isinstance(made, Dataset)
    found = new_rows(made, images)
    assert sum(row["weight"] for row in found) == pytest.approx(24)
    known = [np.asarray(image_file.decode(row["image"])).astype(float) for row in images.rows("train")]
    pairs = [row for row in found if row["weight"] < 1 and row["label"] == tiny.LABELS[row[ROW_ID]]]
    assert pairs
    for row in pairs:
        mixed = np.asarray(image_file.decode(row["image"])).astype(float)
        own, share = known[row[ROW_ID]], row["weight"]
        others = [other for label, other in zip(tiny.LABELS, known, strict=True) if label != row["label"]]
        if name == "augment mixup":
            errors = [np.abs(share * own + (1 - share) * other - mixed).max() for other in others]
            assert min(errors) <= 0.51
        else:
            same = (mixed == own).all(axis=2).mean()
            assert same == pytest.approx(share, abs=0.02)


def test_words_are_replaced_by_those_that_a_language_model_likes(
    texts: Dataset, masked: Source, tmp_path: Path
) -> None:
    made = check_step("augment mlm", [texts, masked], {"copies": 2, "rate": 0.2})
    assert isinstance(made, Dataset)
    vocabulary = {word for text in tiny.TEXTS for word in text.split()}
    for row in new_rows(made, texts):
        old, new = tiny.TEXTS[row[ROW_ID]].split(), row["text"].split()
        assert len(old) == len(new)
        changed = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
        assert changed
        assert row["label"] == tiny.LABELS[row[ROW_ID]]
        assert all(b.isalpha() for _, b in changed)
    assert vocabulary & {word for row in new_rows(made, texts) for word in row["text"].split()}


@pytest.fixture(scope="module")
def masked(folder: Path) -> Source:
    """A tiny BERT with a head for masked words; its weights are random."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    place = tiny.write_encoder(folder / "masked")
    torch.manual_seed(0)
    BertForMaskedLM(BertConfig.from_pretrained(place)).save_pretrained(place)
    return fetch(str(place))


def test_a_model_without_a_head_is_refused(texts: Dataset, folder: Path, tmp_path: Path) -> None:
    plain = fetch(str(tiny.write_encoder(tmp_path / "encoder")))
    with pytest.raises(InputError, match="no head for masked words"):
        run("augment mlm", [texts, plain], tmp_path / "1")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text("{}")
    with pytest.raises(InputError, match="no masked language model"):
        run("augment mlm", [texts, fetch(str(tmp_path / "empty"))], tmp_path / "2")


def test_what_cannot_be_augmented_so(texts: Dataset, table: Dataset, images: Dataset, tmp_path: Path) -> None:
    wrong = {
        "augment typos": (table, "for tables take augment noise"),
        "augment noise": (texts, "for texts take augment typos"),
        "augment images": (texts, "for texts take augment typos"),
        "augment cutmix": (table, "for tables take augment mixup"),
        "augment mixup": (texts, "augment words"),
    }
    for number, (name, (data, message)) in enumerate(wrong.items()):
        with pytest.raises(InputError, match=rf"(?s)no .*{message}"):
            run(name, [data], tmp_path / str(number))
    (tmp_path / "bare").mkdir()
    bare = Dataset.write(tmp_path / "bare", {"train": images.table("train").drop(["label"])}, parents=[])
    with pytest.raises(InputError, match="neither label nor target"):
        run("augment mixup", [bare], tmp_path / "mixup")


RECIPE = """
modelyard: 1
name: more
task: text-classification
model: ./encoder
data: {source: ./texts.csv, columns: {text: message, label: kind}}
steps:
  - augment mlm: OPTIONS
  - finetune
"""


def test_a_recipe_names_the_language_model() -> None:
    plan = make_plan(parse_recipe(RECIPE.replace("OPTIONS", "{language_model: ./masked, rate: 0.2}"), "r.yaml", Path()))
    (node,) = (node for node in plan.nodes if node.step.name == "augment mlm")
    assert [getattr(item, "text", item) for item in node.inputs] == ["data", "./masked"]
    with pytest.raises(RecipeError, match=r"(?s)needs a language_model.*name one: language_model:"):
        make_plan(parse_recipe(RECIPE.replace("OPTIONS", "{rate: 0.2}"), "r.yaml", Path()))
