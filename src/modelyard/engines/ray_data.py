"""Answers for many rows on Ray Data: each worker opens the model once and is handed blocks of rows.

The rows go through the same transforms and the same model as anywhere, so the answers are those of one process. Knows
no format of the input, and no recipe.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from modelyard.core.artifact import open_artifact
from modelyard.core.errors import MissingExtraError, ModelyardError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.engines.ray import begin

PART = 65_536
"""Rows that are answered before they are kept: opening the model again for fewer would not pay."""
BLOCK = 256
"""Rows that a worker is handed at once."""
_NUMBER, _ANSWER = "number", "answer"


class RayData:
    """A Ray of our own, from the first rows to :meth:`close`.

    Args:
        model: that answers.
        options: of its task.
        width: workers, of one core each.

    Raises:
        MissingExtraError: the extra is not installed.
    """

    def __init__(self, model: Model, options: Mapping[str, Any], width: int) -> None:
        try:
            import ray
            import ray.data
        except ModuleNotFoundError:
            raise MissingExtraError("ray", "ray") from None
        self._ray: Any = ray
        self._model, self._options, self._width = model, dict(options), width
        begin(ray, width)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """JSON values of the answers, in the order of the rows.

        Raises:
            ModelyardError: a worker failed.
        """
        data = self._ray.data.from_arrow(_to_table(rows, self._model)).repartition(-(-len(rows) // BLOCK))
        answered = data.map_batches(
            _Answering,
            fn_constructor_args=(str(self._model.path), self._options),
            batch_size=BLOCK,
            batch_format="pyarrow",
            compute=self._ray.data.ActorPoolStrategy(size=min(self._width, -(-len(rows) // BLOCK))),
            num_cpus=1,
        )
        try:
            found = {item[_NUMBER]: json.loads(item[_ANSWER]) for item in answered.iter_rows()}
        except self._ray.exceptions.RayError as error:
            raise ModelyardError(f"a worker failed: {str(error).splitlines()[-1]}", fix="--engine local") from None
        return [found[number] for number in range(len(rows))]

    def close(self) -> None:
        """End the workers."""
        self._ray.shutdown()


class _Answering:
    """Lives in a worker."""

    def __init__(self, model: str, options: Mapping[str, Any]) -> None:
        opened = open_artifact(Path(model))
        if not isinstance(opened, Model):
            raise TypeError(f"{model} is no model")
        self._predictor, self._options = Predictor(opened, threads=1), options

    def __call__(self, table: pa.Table) -> pa.Table:
        rows = [{role: _from_cell(cell) for role, cell in row.items()} for row in table.drop([_NUMBER]).to_pylist()]
        answers = [json.dumps(item, default=_plain) for item in self._predictor.predict(rows, **self._options)]
        return pa.table({_NUMBER: table[_NUMBER], _ANSWER: answers})


def _to_table(rows: Sequence[Mapping[str, Any]], model: Model) -> pa.Table:
    """A column a role: files as bytes, all else as JSON, which keeps the columns of a table what they are."""
    from modelyard.core import lookup

    roles = lookup.task(model.task).inputs
    columns = {role: [_to_cell(row[role]) for row in rows] for role in roles}
    return pa.table({_NUMBER: list(range(len(rows))), **columns})


def _to_cell(value: Any) -> bytes | str:
    return value if isinstance(value, bytes) else json.dumps(value, default=_plain)


def _from_cell(cell: bytes | str) -> Any:
    return cell if isinstance(cell, bytes) else json.loads(cell)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")
