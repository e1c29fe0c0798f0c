"""Sealing, reading back and verifying artifacts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.artifact import MANIFEST, canonical_json, hash_bytes, open_artifact
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError, IntegrityError
from modelyard.core.model import Model
from modelyard.core.report import Figure, Findings, Measure, Report, Series, Table
from modelyard.core.transform import TransformSpec


def make_model(folder: Path, weights: bytes = b"weights") -> Model:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(weights)
    return Model.write(
        folder, task="text-classification", runtime="torch", base="hf:some/model", parents=[], labels=["ham", "spam"]
    )


def test_reading_back_gives_the_same_model(tmp_path: Path) -> None:
    model = make_model(tmp_path / "a")
    again = open_artifact(tmp_path / "a", expected_digest=model.digest)
    assert again == model
    assert isinstance(again, Model)
    assert again.labels == ("ham", "spam")


def test_the_digest_does_not_depend_on_the_place_and_covers_everything(tmp_path: Path) -> None:
    first, second = make_model(tmp_path / "a"), make_model(tmp_path / "b")
    assert first.digest == second.digest
    assert make_model(tmp_path / "c", b"other").digest != first.digest
    child = tmp_path / "d"
    child.mkdir()
    (child / "model.safetensors").write_bytes(b"weights")
    assert first.rewrite(child, parents=[first]).digest != first.digest


def test_the_digest_is_the_hash_of_the_manifest(tmp_path: Path) -> None:
    model = make_model(tmp_path / "a")
    manifest = json.loads((tmp_path / "a" / MANIFEST).read_text())
    assert model.digest == hash_bytes(canonical_json(manifest))


@pytest.mark.parametrize("damage", ["flip", "remove", "add"])
def test_damage_is_named(tmp_path: Path, damage: str) -> None:
    model = make_model(tmp_path / "a")
    file = model.path / "model.safetensors"
    if damage == "flip":
        file.write_bytes(b"Weights")
    elif damage == "remove":
        file.unlink()
    else:
        (model.path / "extra.bin").write_bytes(b"x")
    with pytest.raises(IntegrityError, match=r"digest_mismatch: (model\.safetensors|extra\.bin)"):
        model.verify()


def test_an_altered_manifest_does_not_have_the_expected_digest(tmp_path: Path) -> None:
    model = make_model(tmp_path / "a")
    path = model.path / MANIFEST
    path.write_text(path.read_text().replace("hf:some/model", "hf:evil/model"))
    with pytest.raises(IntegrityError, match="digest_mismatch"):
        open_artifact(model.path, expected_digest=model.digest)


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", "a/../../b", "a\\b", "", "a\0b"])
def test_file_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    model = make_model(tmp_path / "a")
    manifest = json.loads((model.path / MANIFEST).read_text())
    manifest["files"] = {name: "sha256:0"}
    (model.path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="leaves the artifact"):
        open_artifact(model.path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"modelyard": 2}', "\x00", '{"modelyard": 1, "kind": "model"}'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(InputError):
        open_artifact(tmp_path)


def test_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match="no links"):
        Report.seal(tmp_path, attributes={})


def test_a_dataset_keeps_rows_roles_and_transforms(tmp_path: Path) -> None:
    table = pa.table({"row": pa.array([0, 1], pa.int64()), "text": ["a", "b"], "label": ["x", "y"]})
    spec = TransformSpec("mask", {"kinds": ["email"]})
    out = tmp_path / "split=train"  # Arrow must not read the folder's name as a column
    out.mkdir()
    data = Dataset.write(out, {"train": table}, parents=[], labels=["x", "y"], transforms=[spec])
    again = open_artifact(data.path)
    assert isinstance(again, Dataset)
    assert again.rows("train") == table.to_pylist()
    assert again.transforms == (spec,)
    with pytest.raises(InputError, match="no split 'test'"):
        again.rows("test")


def test_findings_survive_the_disk(tmp_path: Path) -> None:
    findings = Findings(
        measures={"accuracy": Measure(0.9, 0.85, 0.95, 100), "broken": Measure(float("nan"), float("inf"))},
        tables=[Table("a table", ["x", "y"], [[1, "two"], [None, 0.5]])],
        figures=[Figure("a figure", "line", series=[Series("s", [1.0, 2.0], [0.1, None])])],
        notes=["a note"],
        rows=pa.table({"row": np.arange(3)}),
    )
    again = Report.write(tmp_path, findings, parents=[]).findings
    assert again.measures["accuracy"] == Measure(0.9, 0.85, 0.95, 100)
    assert again.measures["broken"].value is None
    assert again.measures["broken"].low is None
    assert again.figures[0].series[0].y == [0.1, None]
    assert again.rows is not None
    assert again.rows.column("row").to_pylist() == [0, 1, 2]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values))
def test_canonical_json_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    backwards = dict(reversed(list(value.items())))
    assert canonical_json(value) == canonical_json(backwards)
    assert json.loads(canonical_json(value)) == value
