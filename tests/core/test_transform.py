"""Files of transforms travel inside artifacts, each once, and are part of what makes transforms equal."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from modelyard.core.artifact import MANIFEST, open_artifact
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError, IntegrityError
from modelyard.core.model import Model
from modelyard.core.transform import FOLDER, TransformFiles, TransformSpec, pending_transforms


@pytest.fixture
def spec(tmp_path: Path) -> TransformSpec:
    return new_spec(tmp_path / "files", "weights")


def new_spec(folder: Path, content: str) -> TransformSpec:
    (folder / "deep").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "deep" / "model.safetensors").write_text(content)
    return TransformSpec("mask", {"kinds": ["person"]}, TransformFiles.of(folder))


def new_data(out: Path, *specs: TransformSpec) -> Dataset:
    out.mkdir()
    return Dataset.write(out, {"train": pa.table({"row": pa.array([0], pa.int64())})}, parents=[], transforms=specs)


def new_model(out: Path, *specs: TransformSpec) -> Model:
    out.mkdir(exist_ok=True)
    (out / "config.json").write_text("{}")
    return Model.write(out, task="text-classification", runtime="torch", base="somewhere", parents=[], transforms=specs)


def held(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / FOLDER).iterdir()) if (folder / FOLDER).exists() else []


def test_files_travel_from_data_to_models_and_are_covered_by_the_digest(spec: TransformSpec, tmp_path: Path) -> None:
    data = new_data(tmp_path / "data", spec)
    model = new_model(tmp_path / "model", *data.transforms)
    model.verify()
    again = open_artifact(model.path)
    assert isinstance(again, Model)
    (found,) = again.transforms
    assert found == spec == data.transforms[0]
    assert found.files is not None
    assert found.files.folder.is_relative_to(model.path)
    assert (found.files.folder / "deep" / "model.safetensors").read_text() == "weights"
    assert pending_transforms(again.transforms, data.transforms) == ()
    (found.files.folder / "deep" / "model.safetensors").write_text("other")
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        again.verify()


def test_other_files_make_another_transform(spec: TransformSpec, tmp_path: Path) -> None:
    other = new_spec(tmp_path / "other", "other weights")
    assert other != spec
    assert new_spec(tmp_path / "same", "weights") == spec
    assert new_data(tmp_path / "1", spec).digest != new_data(tmp_path / "2", other).digest
    with pytest.raises(InputError, match="transformed by mask"):
        pending_transforms([spec], [other])


def test_an_artifact_holds_the_files_of_its_transforms_and_no_others(spec: TransformSpec, tmp_path: Path) -> None:
    other = new_spec(tmp_path / "other", "other weights")
    out = tmp_path / "model"
    assert len(held(new_model(out, spec, other, spec).path)) == 2
    # Written again where it lies, as a model is that was just taken over.
    model = open_artifact(out)
    assert isinstance(model, Model)
    again = model.rewrite(out, parents=[], transforms=[spec])
    again.verify()
    assert held(out) == [str(spec.to_json()["files"]).removeprefix("sha256:")]
    # A part of the files came along with others.
    (next((out / FOLDER).iterdir()) / "deep" / "model.safetensors").unlink()
    mended = new_model(out, spec)
    mended.verify()
    assert mended.transforms[0].files is not None
    assert TransformFiles.of(mended.transforms[0].files.folder) == spec.files
    assert held(new_model(out).path) == []


def test_a_model_that_expects_other_transforms_finds_their_files(spec: TransformSpec, tmp_path: Path) -> None:
    data = new_data(tmp_path / "data", spec)
    model = new_model(tmp_path / "model").expecting(data.transforms)
    assert model.transforms == data.transforms
    assert model.transforms[0].files is not None
    assert model.transforms[0].files.folder.is_dir()


def test_a_manifest_leads_to_no_files_outside(spec: TransformSpec, tmp_path: Path) -> None:
    model = new_model(tmp_path / "model", spec)
    manifest = json.loads((model.path / MANIFEST).read_text())
    manifest["attributes"]["transforms"][0]["files"] = "sha256:../../files"
    (model.path / MANIFEST).write_text(json.dumps(manifest))
    altered = open_artifact(model.path)
    assert isinstance(altered, Model)
    with pytest.raises(InputError, match="not the digest"):
        _ = altered.transforms
