"""Images from folders, tables, base64 and pixel columns become one kind of dataset; faults name the row."""

from __future__ import annotations

import base64
import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.source import Source
from modelyard.sources import fetch
from modelyard.testing import check_step, tiny

COLUMNS = {"image": "image", "label": "label"}
SPLIT = {"train": 0.5, "validation": 0.25, "test": 0.25}


def load(path: Path, **options: Any) -> Dataset:
    data = check_step("load data", [fetch(str(path)), None, None], {"columns": COLUMNS, "split": SPLIT, **options})
    assert isinstance(data, Dataset)
    return data


def refused(path: Path, **options: Any) -> str:
    step = lookup.step("load data")
    out = path.parent / "out"
    out.mkdir()
    source: Source = fetch(str(path))
    with pytest.raises(InputError) as caught:
        step.function(source, out=out, **step.check_options({"columns": COLUMNS, "split": SPLIT, **options}))
    assert list(out.iterdir()) == []
    return str(caught.value)


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    data = load(tiny.write_images(tmp_path / "images"))
    assert data.labels == ("bright", "dark")
    assert data.splits == {"train": 12, "validation": 6, "test": 6}
    assert tiny.image("bright", 3) in [row["image"] for split in data.splits for row in data.rows(split)]
    assert data.profile["image"] == {"formats": {"PNG": 24}, "sides": {"min": 24, "max": 24}} | {
        "mean_bytes": data.profile["image"]["mean_bytes"]
    }


def test_folders_for_splits_and_classes(tmp_path: Path) -> None:
    for name, rows in (("train", 6), ("val", 2), ("test", 3)):
        tiny.write_images(tmp_path / "images" / name, rows)
    assert load(tmp_path / "images").splits == {"train": 12, "validation": 4, "test": 6}


def test_a_table_beside_its_images_and_base64_are_the_same(tmp_path: Path) -> None:
    folder = tiny.write_images(tmp_path / "images", 4)
    files = [f"{kind}/{number:03}.png" for kind in ("bright", "dark") for number in range(4)]
    rows = [f"{name},{name.split('/')[0]}" for name in files]
    (folder / "list.csv").write_text("\n".join(["image,label", *rows]))
    coded = [f"{base64.b64encode((folder / name).read_bytes()).decode()},{name.split('/')[0]}" for name in files]
    (tmp_path / "coded.csv.gz").write_bytes(gzip.compress("\n".join(["image,label", *coded]).encode()))
    structs = [{"bytes": (folder / name).read_bytes(), "path": None} for name in files]
    pq.write_table(
        pa.table({"image": structs, "label": [name.split("/")[0] for name in files]}), tmp_path / "a.parquet"
    )
    tables = [load(path).tables() for path in (folder, tmp_path / "coded.csv.gz", tmp_path / "a.parquet")]
    assert tables[0] == tables[1] == tables[2]


def test_columns_of_pixels_become_grey_images_without_loss(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 9))
    lines = [",".join(map(str, [*row, number % 2])) for number, row in enumerate(pixels)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    data = load(tmp_path / "a.csv", header=False, columns={"image": "column_1..column_9", "label": "column_10"})
    for split in data.splits:
        for row in data.rows(split):
            image = Image.open(io.BytesIO(row["image"]))
            assert image.mode == "L"
            assert np.array_equal(np.asarray(image), pixels[row["row"]].reshape(3, 3))


def test_nested_lists_keep_their_shape(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 2, 3, 3)).tolist()
    lines = [json.dumps({"image": image, "label": str(number % 2)}) for number, image in enumerate(pixels)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    (row, *_) = load(tmp_path / "a.jsonl").rows("train")
    assert np.asarray(Image.open(io.BytesIO(row["image"]))).tolist() == pixels[row["row"]]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("dark/000.png", tiny.image("dark")[:-9], ["cut off", "row 4", "column 'image'"]),
        ("dark/000.jpg", tiny.image("dark"), ["dark/000.jpg: a PNG file", "row 4"]),
        ("dark/000.png", b"<svg>", ["no image begins with"]),
        ("dark/000.png", b"", ["no image begins with"]),
        ("dark/000.gif", b"GIF89a", ["neither PNG nor JPEG"]),
        ("loose.png", tiny.image("dark"), ["loose.png lies in no folder of its class"]),
    ],
)
def test_faults_of_files(tmp_path: Path, name: str, content: bytes, words: list[str]) -> None:
    folder = tiny.write_images(tmp_path / "images", 4)
    (folder / name).write_bytes(content)
    text = refused(folder)
    assert all(word in text for word in words), text


def test_faults_of_tables_of_images(tmp_path: Path) -> None:
    folder = tiny.write_images(tmp_path / "images", 2)
    for path in ("../secret.png", "/etc/passwd", "dark/.hidden.png", "dark/999.png", "a\\b.png"):
        (folder / "list.csv").write_text(f"image,label\nbright/000.png,a\n{path},b\n")
        place = tmp_path / path.strip("/.").replace("/", "_").replace("\\", "_")
        place.mkdir()
        (place / "images").symlink_to(folder)
        text = refused(place / "images")
        assert "row 1 (line 3)" in text
        assert path in text.replace("\\\\", "\\")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1,2,3,256,b", ["256", "columns 'column_1' to 'column_4'", "row 1 (line 2)"]),
        ("1,2,3,1.5,b", ["1.5"]),
        ("1,2,3,x,b", ["is no number"]),
        ("1,2,3,,b", ["missing"]),
    ],
)
def test_faults_of_pixels(tmp_path: Path, line: str, words: list[str]) -> None:
    (tmp_path / "a.csv").write_text(f"1,2,3,4,a\n{line}\n")
    text = refused(tmp_path / "a.csv", header=False, columns={"image": "column_1..column_4", "label": "column_5"})
    assert all(word in text for word in words), text


def test_pixels_that_are_no_square(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2,3,a\n1,2,3,b\n")
    text = refused(tmp_path / "a.csv", header=False, columns={"image": "column_1..column_3", "label": "column_4"})
    assert "3 pixels are no square" in text
