"""What a release's page says, before anybody decides how it looks. Plain facts; knows no renderer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.core.report import Figure, Findings, Measure


@dataclass(frozen=True)
class ModelFacts:
    """The released model.

    Attributes:
        base: reference of the pretrained model that it descends from, such as ``hf:owner/name@revision``.
        size_bytes: of all its files.
        licence: SPDX identifier in lower case as the Hugging Face Hub writes it, if known.
        transforms: names of the data transforms that travel with it.
    """

    task: str
    base: str
    runtime: str
    labels: Sequence[str] = ()
    size_bytes: int = 0
    digest: str = ""
    licence: str | None = None
    transforms: Sequence[str] = ()


@dataclass(frozen=True)
class DataFacts:
    """The data that it was trained and judged on.

    Attributes:
        source: reference that the data came from.
        splits: split → rows.
        profile: what loading found (``warnings`` are shown; ``splits: {name: {classes: {label: rows}}}`` too), and
            ``changes`` of the rows to learn from, as :meth:`Dataset.with_training_rows` notes them.
    """

    source: str
    splits: Mapping[str, int]
    profile: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""


@dataclass(frozen=True)
class StepFact:
    """One step of the build; ``seconds`` is None where it is not known."""

    name: str
    options: Mapping[str, Any]
    seconds: float | None
    reused: bool
    digest: str


@dataclass(frozen=True)
class Page:
    """A release with its proof.

    Attributes:
        verdict: ``met``, ``not met`` or ``inconclusive``.
        requirements: as ``Judgement.to_json()`` gives them.
        measures: everything measured on the release.
        before: the same of the model before its conversion, if there was one.
        findings: titled findings, shown in this order with their tables, figures and notes.
        training: what was learned from, and the curves of the training.
        created: time in ISO 8601.
        environment: hardware and versions, name → text.
        lineage: what went in, name → digest.
    """

    name: str
    version: str
    verdict: str
    requirements: Sequence[Mapping[str, Any]]
    measures: Mapping[str, Measure]
    before: Mapping[str, Measure] | None
    model: ModelFacts
    data: DataFacts | None
    steps: Sequence[StepFact]
    findings: Sequence[tuple[str, Findings]] = ()
    training: Sequence[Figure] = ()
    created: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    lineage: Mapping[str, str] = field(default_factory=dict)
