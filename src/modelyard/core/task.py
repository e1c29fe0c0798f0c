"""The task protocol: what a model does. One file each in the room ``tasks``.

A task turns rows into arrays and arrays into predictions, and knows how such predictions are
scored. It knows no runtime: it is given a session. Loops of more than one call, such as
generation, live in the task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.input_space import InputSpace
from modelyard.core.model import Model
from modelyard.core.report import Findings
from modelyard.core.runtime import Arrays, Session
from modelyard.core.source import Source
from modelyard.core.transform import Row

if TYPE_CHECKING:
    import numpy as np

    from modelyard.core.predictor import Predictor

Prediction = Mapping[str, Any]
"""One answer as JSON values, such as ``{"label": "spam", "score": 0.98}``."""

Encoded = Mapping[str, Any]
"""One row as unpadded numpy arrays by input name."""


@dataclass(frozen=True)
class Workload:
    """One thing to time: calling ``run`` once does ``units`` units (rows, tokens) of work."""

    name: str
    run: Callable[[], Any]
    units: int
    unit: str


@dataclass(frozen=True)
class Hints:
    """What a user knows of foreign files that do not say it themselves.

    Attributes:
        labels: class names in the order of the outputs; empty for those that the files or the data name.
        outputs: what a classifier gives; ``auto`` asks it.
        pixels: what a network over images takes: values from 0 to 1, from -1 to 1, from 0 to 255, or those of 0 to 1
            with ImageNet's mean taken off and divided by its deviation.
    """

    labels: Sequence[str] = ()
    outputs: Literal["auto", "logits", "probabilities"] = "auto"
    pixels: Literal["auto", "0..1", "-1..1", "0..255", "imagenet"] = "auto"


NO_HINTS = Hints()

EMBEDDING = "embedding"
"""Ability, option and key of a prediction: a vector that stands for a row."""
EMBEDDING_OUTPUT = "sentence_embedding"
"""Output of a network with these vectors, (rows, width), under the name that sentence-transformers exports it by."""


class Task(Protocol):
    """Everything that differs between one kind of model and another."""

    name: str
    """Hugging Face pipeline tag."""
    inputs: tuple[str, ...]
    """Roles that a row must have to be predicted."""
    target: str | None
    """Role of the right answer, if rows need one."""
    abilities: frozenset[str]
    """What steps may count on: ``labels``, ``training``, ``generation``, …"""
    measures: tuple[str, ...]
    """Names that ``evaluate`` gives; ``prefix:*`` stands for one a class."""

    def adopt(self, source: Source, out: Path, *, data: Dataset | None, seed: int, hints: Hints = NO_HINTS) -> Model:
        """Turn foreign files into a model in ``out``, with a new head where the task needs one.

        Nothing that the files contain is executed.

        Args:
            data: what the model is meant for; its classes become the model's outputs.
            hints: what the files do not say themselves.
        """
        ...

    def processor(self, model: Model) -> Any:
        """Load once what encoding and decoding need (a tokenizer); light enough for a server."""
        ...

    def encode(self, processor: Any, rows: Sequence[Row]) -> list[Encoded]:
        """Rows, already transformed, to unpadded arrays."""
        ...

    def collate(self, processor: Any, encoded: Sequence[Encoded]) -> Arrays:
        """Pad rows into one batch."""
        ...

    def predict(
        self, session: Session, processor: Any, rows: Sequence[Row], options: Mapping[str, Any]
    ) -> list[Prediction]:
        """Answers in the order of the rows.

        Args:
            options: what the caller may choose for one call (``max_tokens``, …).

        Raises:
            InputError: a row or an option cannot be used.
        """
        ...

    def evaluate(self, predictor: Predictor, data: Dataset, split: str, *, confidence: float, seed: int) -> Findings:
        """Score the model on a split, with an interval for every number and one row an example."""
        ...

    def compare(self, ours: Findings, reference: Findings, *, confidence: float, seed: int) -> Findings:
        """Two evaluations of the same rows: agreement, largest difference, ``NAME_drop`` of each measure."""
        ...

    def workloads(self, predictor: Predictor, batch_size: int, length: int) -> Iterable[Workload]:
        """What to time for one batch size and length (in the task's own unit, such as tokens)."""
        ...

    def export_example(self, model: Model) -> tuple[Arrays, Mapping[str, Mapping[int, str]]]:
        """Small arrays to trace the network with, and its varying axes: name → axis → name of the axis.

        Outputs are named too; the order of the arrays is the order of the exported inputs.
        """
        ...

    def network(self, model: Model) -> Any:
        """The torch module behind the model, on the CPU in float32 and in evaluation mode.

        Its ``forward`` takes the collated arrays by name and returns a mapping from output names to
        tensors.
        """
        ...

    def loss(self, network: Any, batch: Mapping[str, Any], weights: Any) -> Any:
        """Scalar training loss of a batch of torch tensors (``labels`` among them); ``weights`` per row or None."""
        ...


class TableTask(Task, Protocol):
    """A task with the ability ``features``: a row is a mapping from column to value under the role ``features``."""

    def columns(self, processor: Any) -> Mapping[str, Literal["number", "category"]]:
        """The columns that the model was fitted to, in their order."""
        ...


class ContinuousTask(Task, Protocol):
    """A task with the ability ``continuous``: its network takes one array of numbers, which can be moved a little."""

    def space(self, processor: Any) -> InputSpace:
        """What the numbers of that array mean, and how far they may go."""
        ...


class EmbeddingTask(Task, Protocol):
    """A task with the ability ``embedding``: its network can give a vector that stands for a row.

    Its predictions hold it, and how many tokens were read, with the option ``embedding: true``.
    """

    def add_embedding(self, model: Model, network: Any) -> bool:
        """Let a model's network, as :meth:`Task.network` gives it, have :data:`EMBEDDING_OUTPUT` among its outputs.

        Returns:
            False where it makes no such vector; the network is as it was.
        """
        ...

    def text_of(self, processor: Any, tokens: Sequence[int]) -> str:
        """The text whose tokens these are, with or without those that frame it.

        Raises:
            InputError: they are those of no text.
        """
        ...


@dataclass(frozen=True)
class Units:
    """The parts of one row that can be left out one by one.

    Attributes:
        kind: what they are.
        names: what a person calls each: the word, the column, ``row 1, column 3`` of the patches.
        places: where each lies: first character and the one after the last, of a text; top, left, bottom and right, of
            an image's pixels; nothing for columns.
        content: what the places count in: the text, or the image as a PNG file; None for columns.
    """

    kind: Literal["word", "patch", "column"]
    names: Sequence[str]
    places: Sequence[tuple[int, ...]]
    content: str | bytes | None = None

    def __len__(self) -> int:
        return len(self.names)


class DivisibleTask(Task, Protocol):
    """A task with the ability ``units``: its rows have parts, so that what each part does can be seen."""

    def units(self, processor: Any, row: Row, most: int) -> Units:
        """The parts of a row, at most ``most`` of them where they can be put together (columns cannot).

        Raises:
            InputError: the row has none, or cannot be read.
        """
        ...

    def mask(self, processor: Any, row: Row, units: Units, kept: np.ndarray, reference: Row | None = None) -> list[Row]:
        """The row again and again, with only those parts that are kept.

        Args:
            kept: bool [n, units].
            reference: another row whose values stand where a part is left out, for tasks with the ability
                ``features``; without it the mean does.
        """
        ...

    def owners(self, processor: Any, row: Row, units: Units) -> np.ndarray:
        """Of each place of the encoded row, the number of its part, int64; -1 for a place that belongs to none.

        Places are tokens of a text, pixels [height, width] of an image, or codes of a table's columns.
        """
        ...


@dataclass(frozen=True)
class Piece:
    """Some more text of a generated answer; the last one says why it ended and counts tokens.

    Attributes:
        completion_tokens: of the answer so far; a :class:`Writer` says it with every piece.
    """

    text: str
    finish_reason: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Writer(Protocol):
    """Writes several answers, which join and leave between two steps. An answer does not depend on what is written
    beside it, but for rounding."""

    @property
    def busy(self) -> bool:
        """Whether there is something to do."""
        ...

    def add(self, key: int, row: Row, options: Mapping[str, Any], owner: str = "") -> None:
        """Begin an answer when there is room for it.

        Args:
            key: names the answer.
            row: already transformed.
            owner: prompts of one owner may share work.

        Raises:
            InputError: the row or an option cannot be used, or there can never be room.
        """
        ...

    def drop(self, key: int) -> None:
        """Write no more of an answer; nothing happens where it has ended."""
        ...

    def clear(self) -> list[int]:
        """Drop all; their keys."""
        ...

    def step(self) -> list[tuple[int, Piece | InputError]]:
        """Go on a little with all that have room; what came, or why no more comes, of each by its key."""
        ...


class GeneratingTask(Task, Protocol):
    """A task with the ability ``generation``: its answer grows token by token."""

    def stream(self, session: Session, processor: Any, row: Row, options: Mapping[str, Any]) -> Iterator[Piece]:
        """The answer to one row as it is generated; closing the iterator stops the work."""
        ...

    def writer(self, session: Session, processor: Any, *, slots: int, tokens: int) -> Writer:
        """Something that writes many answers at once.

        Args:
            slots: most answers that are written at the same time.
            tokens: most tokens of prompts and answers in its cache.
        """
        ...

    def room_for(self, processor: Any, row: Row, options: Mapping[str, Any]) -> int:
        """Tokens of a writer's cache that the answer to a row, already transformed, may come to hold.

        Raises:
            InputError: the row or an option cannot be used.
        """
        ...

    def token_bytes(self, model: Model) -> int:
        """Bytes of a writer's cache that a token takes."""
        ...

    def chat_prompt(self, processor: Any, messages: Sequence[Mapping[str, str]]) -> str:
        """Messages (``role``, ``content``) as one prompt, by the model's own template in a sandbox."""
        ...

    def likelihoods(self, session: Session, processor: Any, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Natural log probability of each second text after the first."""
        ...
