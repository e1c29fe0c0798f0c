"""A yard in a temporary folder, and small artifacts to put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

import pytest

from modelyard.core.artifact import Artifact
from modelyard.core.model import Model
from modelyard.core.release import Release
from modelyard.core.report import Measure
from modelyard.core.requirement import Requirement
from modelyard.yard.yard import Yard

BAR = Requirement.parse("accuracy", ">= 0.9")


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path / "yard")


@pytest.fixture
def seal_model(tmp_path: Path) -> Callable[..., Model]:
    """Seals a model outside the yard: ``seal_model(content, parents=[...])``."""
    numbers = count()

    def seal(content: bytes = b"weights", parents: Iterable[Artifact] = ()) -> Model:
        out = tmp_path / f"model-{next(numbers)}"
        (out / "onnx").mkdir(parents=True)
        (out / "onnx" / "weights.bin").write_bytes(content)
        (out / "config.json").write_text("{}")
        return Model.write(out, task="text-classification", runtime="torch", base="pypi:tiny==1/model", parents=parents)

    return seal


@pytest.fixture
def seal_release(tmp_path: Path) -> Callable[..., Release]:
    """Seals a release outside the yard; it must reach an accuracy of 0.9."""
    numbers = count()

    def seal(
        model: Model, *, name: str = "sms-spam", accuracy: float = 0.95, recipe: str = "modelyard: 1\n"
    ) -> Release:
        out = tmp_path / f"release-{next(numbers)}"
        out.mkdir()
        measure = Measure(accuracy, n=100)
        return Release.write(
            out,
            name=name,
            model=model,
            data=None,
            reports=[],
            recipe=recipe,
            lock={"model": "sha256:0"},
            judgements=[BAR.judge({"accuracy": measure})],
            measures={"accuracy": measure.to_json()},
        )

    return seal


@pytest.fixture
def publish(
    yard: Yard, seal_model: Callable[..., Model], seal_release: Callable[..., Release]
) -> Callable[..., Release]:
    """Publishes a new release with a model of its own: ``publish(content, name=..., accuracy=...)``."""

    def run(content: bytes = b"weights", **options: object) -> Release:
        release = yard.put(seal_release(yard.put(seal_model(content)), **options))
        yard.publish(release)
        return release

    return run
