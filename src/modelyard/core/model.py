"""The model artifact: weights, tokenizer, transforms and what goes in and comes out.

Knows the layout of the folder, not how it is run: the runtime that the model names does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from modelyard.core.artifact import Artifact
from modelyard.core.transform import TransformSpec, write_specs

ASSUMED = "assumed"
"""Key of the settings with what was taken for granted when foreign files were taken over."""


@dataclass(frozen=True)
class Model(Artifact):
    """A folder in Hugging Face layout (or ``model.onnx``, ``*.gguf``) that a runtime opens."""

    kind: ClassVar[str] = "model"

    @classmethod
    def write(
        cls,
        out: Path,
        *,
        task: str,
        runtime: str,
        base: str,
        parents: Iterable[Artifact],
        labels: Iterable[str] = (),
        transforms: Iterable[TransformSpec] = (),
        answers: Iterable[TransformSpec] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> Model:
        """Seal the weights and files in ``out``.

        Args:
            out: holds the finished files.
            task: Hugging Face pipeline tag, such as ``text-classification``.
            runtime: name of the runtime that opens it.
            base: reference of the pretrained model that it descends from.
            parents: artifacts that it was made from.
            labels: class names in the order of the model's outputs.
            transforms: data transforms to apply to raw rows before the task encodes them.
            answers: transforms of the task's predictions, such as a calibration; done by whoever runs the model.
            settings: what only the task or the runtime reads (maximal length, precision, …).
        """
        attributes = {
            "task": task,
            "runtime": runtime,
            "base": base,
            "labels": list(labels),
            "transforms": write_specs(transforms, out),
            "settings": dict(settings or {}),
        }
        if specs := [spec.to_json() for spec in answers]:
            attributes["answers"] = specs
        return cls.seal(out, parents=parents, attributes=attributes)

    def rewrite(
        self,
        out: Path,
        *,
        parents: Iterable[Artifact],
        runtime: str | None = None,
        transforms: Iterable[TransformSpec] | None = None,
        answers: Iterable[TransformSpec] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Model:
        """Seal ``out`` as a descendant of this model: what is not named stays; settings are merged."""
        return Model.write(
            out,
            task=self.task,
            runtime=runtime or self.runtime,
            base=self.base,
            labels=self.labels,
            transforms=self.transforms if transforms is None else transforms,
            answers=self.answers if answers is None else answers,
            settings={**self.settings, **(settings or {})},
            parents=parents,
        )

    def retrained(
        self,
        out: Path,
        *,
        parents: Iterable[Artifact],
        transforms: Iterable[TransformSpec],
        settings: Mapping[str, Any],
        runtime: str | None = None,
    ) -> Model:
        """As :meth:`rewrite`, for weights that were trained: what was fitted to the answers of the old ones, a
        calibration say, does not fit those of the new."""
        return self.rewrite(out, parents=parents, runtime=runtime, transforms=transforms, answers=(), settings=settings)

    def expecting(self, transforms: Iterable[TransformSpec]) -> Model:
        """This model for rows to which these transforms are done first; nothing is written."""
        return replace(self, attributes={**self.attributes, "transforms": [vars(spec) for spec in transforms]})

    @property
    def task(self) -> str:
        return str(self.attributes["task"])

    @property
    def runtime(self) -> str:
        return str(self.attributes["runtime"])

    @property
    def base(self) -> str:
        return str(self.attributes["base"])

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.attributes["labels"])

    @property
    def transforms(self) -> tuple[TransformSpec, ...]:
        return tuple(TransformSpec.from_json(item, self.path) for item in self.attributes["transforms"])

    @property
    def answers(self) -> tuple[TransformSpec, ...]:
        """What is done to the task's predictions, one after the other."""
        return tuple(TransformSpec.from_json(item, self.path) for item in self.attributes.get("answers", ()))

    @property
    def settings(self) -> Mapping[str, Any]:
        settings: Mapping[str, Any] = self.attributes["settings"]
        return settings

    @property
    def assumed(self) -> tuple[str, ...]:
        """What was taken for granted when foreign files were taken over, a sentence each."""
        return tuple(self.settings.get(ASSUMED, ()))
