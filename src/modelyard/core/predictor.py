"""A model made ready to answer: transforms, task and session put together, and what is done to the answers.

The one path from raw rows to predictions, used by evaluation, benchmark, server and
explanations alike, so that none of them can differ from the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, cast

from modelyard.core import lookup, memory
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.task import GeneratingTask, Piece, Prediction, TableTask
from modelyard.core.transform import Row, TableTransform, Transform, TransformSpec, pending_transforms


class Predictor:
    """Opens the model once; close it, or use it as a context manager.

    Args:
        model: the model to run.
        device: ``cpu`` or what the runtime names (``cuda``).
        threads: cores that one call may use.
        memory_limit: bytes that the model may take; None for the limit of the environment (``core.memory``).

    Raises:
        InputError: the model would take more than the limit; nothing of it was loaded.
    """

    def __init__(
        self, model: Model, *, device: str = "cpu", threads: int | None = None, memory_limit: int | None = None
    ) -> None:
        memory.require_models([model], memory_limit)
        self.model = model
        self.task = lookup.task(model.task)
        self.processor = self.task.processor(model)
        self.transforms, self.answers = open_transforms(model.transforms), open_transforms(model.answers)
        self.session = lookup.runtime(model.runtime).open(model, device=device, threads=threads)

    def predict(self, rows: Sequence[Row], **options: Any) -> list[Prediction]:
        """Answers for raw rows, in their order.

        Raises:
            InputError: a row lacks a role that the task needs.
        """
        return self.answer(apply_opened(self.transforms, rows), options)

    def predict_split(self, data: Dataset, split: str, **options: Any) -> list[Prediction]:
        """Answers for a split, doing only those transforms that the data have not had."""
        return self.answer(self.rows(data, split), options)

    def stream(self, row: Row, **options: Any) -> Iterator[Piece]:
        """The answer to one raw row as it grows; for tasks with the ability ``generation``."""
        (ready,) = apply_opened(self.transforms, [row])
        return cast(GeneratingTask, self.task).stream(self.session, self.processor, ready, options)

    def rows(self, data: Dataset, split: str) -> Sequence[Row]:
        """The rows of a split as the task must see them."""
        return apply_transforms(pending_transforms(self.model.transforms, data.transforms), data.rows(split))

    def answer(self, rows: Sequence[Row], options: Mapping[str, Any] | None = None) -> list[Prediction]:
        """Answers for rows as the task must see them (:meth:`rows`), with all that is done to the answers.

        Raises:
            InputError: as :meth:`predict`.
        """
        for number, row in enumerate(rows):
            for role in self.task.inputs:
                if row.get(role) is None:
                    raise InputError(
                        f"row {number} has no {role!r}", expected=f"a value for {', '.join(self.task.inputs)}"
                    )
                if isinstance(row[role], str) and not _is_unicode(row[role]):
                    raise InputError(
                        f"row {number}: {role!r} holds half of a surrogate pair, which is no text",
                        expected="Unicode text",
                        fix="decode the bytes as UTF-8 again where they came from",
                    )
        answers = self.task.predict(self.session, self.processor, rows, options or {})
        return list(apply_opened(self.answers, answers))

    def close(self) -> None:
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _is_unicode(text: str) -> bool:
    # JSON can write half of a pair (``\\ud800``); tokenizers cannot take one.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def apply_transforms(specs: Sequence[TransformSpec], rows: Sequence[Row]) -> Sequence[Row]:
    """Do the named transforms to the rows, or to predictions, one after the other."""
    return apply_opened(open_transforms(specs), rows)


def raw_columns(model: Model, processor: Any) -> Mapping[str, Literal["number", "category"]]:
    """The columns that a row of a table is asked for: those that the model reads, less what its transforms add.

    Args:
        processor: that of the model's task, which has the ability ``features``.
    """
    changing = [transform for transform in open_transforms(model.transforms) if isinstance(transform, TableTransform)]
    added = {name for transform in changing for name in transform.adds}
    known = cast(TableTask, lookup.task(model.task)).columns(processor)
    return {name: kind for name, kind in known.items() if name not in added}


def fills_gaps(model: Model) -> bool:
    """Whether the model's transforms fill gaps in rows of a table."""
    return any(
        transform.fills for transform in open_transforms(model.transforms) if isinstance(transform, TableTransform)
    )


def open_transforms(specs: Sequence[TransformSpec]) -> tuple[Transform, ...]:
    """The named transforms, for whoever does them again and again (:func:`apply_opened`)."""
    return tuple(lookup.transform(spec) for spec in specs)


def apply_opened(transforms: Sequence[Transform], rows: Sequence[Row]) -> Sequence[Row]:
    """Do the transforms to the rows, or to predictions, one after the other."""
    for transform in transforms:
        rows = transform.apply(rows)
    return rows
