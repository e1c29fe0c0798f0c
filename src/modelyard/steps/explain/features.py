"""Shows what the channels of a layer respond to. Looks into the torch network; knows no task by name."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.predictor import Predictor
from modelyard.core.progress import progress
from modelyard.core.report import Figure, Findings, Measure, Report, Series, Table
from modelyard.core.runtime import Arrays
from modelyard.core.step import step
from modelyard.core.task import DivisibleTask, Encoded, TableTask
from modelyard.core.transform import Row
from modelyard.methods import purity
from modelyard.steps.explain._inside import frozen_network

BATCH = 16
TILE = 64
"""Pixels along a side of a picture in a row of them."""
ALL = 100_000


@step(needs="units gradients", measures=("purity", "purity_random"))
def features(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    split: str = "test",
    layer: str | None = None,
    channels: list[int] = [],  # noqa: B006
    most: Annotated[int, Between(1, 100)] = 6,
    top: Annotated[int, Between(1, 24)] = 6,
    rows: Annotated[int, Between(2, 100_000)] = 300,
    climb: Annotated[int, Between(0, 2000)] = 60,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: int = 0,
) -> Report:
    """Show what the channels of a layer respond to: the rows that activate each most, and a picture made to do so.

    ``purity`` is the share of the commonest answer among those rows, ``purity_random`` the same of rows drawn at
    random: channels whose rows are alike have learned something that the answer depends on.

    Args:
        model: the model to look into, as it is trained (PyTorch).
        data: where the rows come from.
        split: name of the rows' split.
        layer: its name in the network; none takes the last one that still has places (maps, tokens), or the last
            before the answer.
        channels: numbers of the channels; none takes those whose activations vary most.
        most: how many of these.
        top: rows to show of each.
        rows: to look at, drawn from the split.
        climb: steps in which an image that activates the channel is made from noise; 0 for none.
        confidence: of the intervals.
        seed: of the choice of rows and the noise.
    """
    from modelyard.networks import layer_outputs

    with Predictor(model) as predictor:
        found = list(predictor.rows(data, split))
        chosen = np.random.default_rng(seed).permutation(len(found))[:rows]
        looked = [found[place] for place in sorted(chosen)]
        if len(looked) < 2:
            raise InputError(f"the split {split!r} has fewer than two rows", fix="choose another split")
        network, look = frozen_network(model), _Looking(predictor)
        layer = layer or layer_outputs.default(layer_outputs.shapes(network, look.collate(look.encode(looked[:2]))))
        with progress("looking", len(looked)) as bar:
            places: list[np.ndarray] = []
            for start in range(0, len(looked), BATCH):
                encoded = look.encode(looked[start : start + BATCH])
                places += _unpadded(layer_outputs.capture(network, look.collate(encoded), layer), encoded)
                bar.advance(len(encoded))
        peaks = np.array([item.reshape(-1, item.shape[-1]).max(axis=0) for item in places])
        picked = _pick(peaks, channels, most)
        orders = {channel: np.argsort(-peaks[:, channel], kind="stable")[:top] for channel in picked}
        answers = predictor.answer(looked)
        figures = []
        for channel, order in orders.items():
            made = look.climb(network, layer, channel, looked[0], steps=climb, seed=seed)
            title = f"Channel {channel} of {layer}"
            figures.append(look.draw(title, looked, [(int(n), places[n][..., channel]) for n in order], made))
    names = [str(answer["label"]) for answer in answers] if model.labels else []
    return Report.write(
        out,
        Findings(_measures(names, orders, confidence, seed), [_table(looked, peaks, orders, names)], figures),
        parents=[model, data],
    )


def _pick(peaks: np.ndarray, channels: Sequence[int], most: int) -> list[int]:
    count = peaks.shape[1]
    for channel in channels:
        if not 0 <= channel < count:
            raise InputError(f"channels: {channel}", expected=f"from 0 to {count - 1}")
    return list(dict.fromkeys(channels)) or np.argsort(-peaks.std(axis=0), kind="stable")[:most].tolist()


def _unpadded(batch: np.ndarray, encoded: Sequence[Encoded]) -> list[np.ndarray]:
    """What the layer gave for each row, at its own tokens where it has places."""
    if "input_ids" not in encoded[0] or batch.ndim < 3:
        return list(batch)
    return [row[: len(item["input_ids"])] for row, item in zip(batch, encoded, strict=True)]


class _Looking:
    """Rows as batches, and as pictures with activations on them."""

    def __init__(self, predictor: Predictor) -> None:
        self._task, self._processor = cast(DivisibleTask, predictor.task), predictor.processor

    def encode(self, rows: Sequence[Row]) -> Sequence[Encoded]:
        """The rows without their labels, one by one."""
        return self._task.encode(self._processor, [{r: row[r] for r in self._task.inputs} for row in rows])

    def collate(self, encoded: Sequence[Encoded]) -> Arrays:
        return self._task.collate(self._processor, encoded)

    def draw(
        self, title: str, rows: Sequence[Row], best: Sequence[tuple[int, np.ndarray]], made: np.ndarray | None
    ) -> Figure:
        """The rows that activate a channel most: number in ``rows`` and activation at each of its places."""
        if "features" in self._task.abilities:
            return self._columns(title, rows, [number for number, _ in best])
        if "image" in self._task.abilities:
            return self._images(title, rows, best, made)
        pieces: list[str] = []
        grounds: list[float] = []
        largest = max(float(np.abs(places).max()) for _, places in best) or 1.0
        for number, places in best:
            units = self._task.units(self._processor, rows[number], ALL)
            owners, end = self._task.owners(self._processor, rows[number], units), 0
            for unit, (start, stop) in enumerate(units.places):
                mine = places[owners == unit] if places.ndim else np.empty(0)
                pieces += [str(units.content)[end:start], str(units.content)[start:stop]]
                grounds += [0.0, max(0.0, float(mine.max()) / largest) if mine.size else 0.0]
                end = stop
            pieces.append("\n")
            grounds.append(0.0)
        return Figure(title, "text", x_names=pieces, cells=[grounds])

    def _images(
        self, title: str, rows: Sequence[Row], best: Sequence[tuple[int, np.ndarray]], made: np.ndarray | None
    ) -> Figure:
        """In a row: the picture that was made, then images, dark where the channel is still."""
        from PIL import Image

        from modelyard.methods import grad_cam

        tiles = [] if made is None else [np.round(255 * made.transpose(1, 2, 0)).astype(np.uint8)]
        for number, places in best:
            (encoded,) = self.encode([rows[number]])
            (pixels,) = encoded.values()
            heat = grad_cam.enlarge(np.maximum(places, 0.0), *pixels.shape[:2]) if places.ndim == 2 else None
            light = 1.0 if heat is None else 0.3 + 0.7 * heat / (heat.max() or 1.0)
            tiles.append((pixels * np.broadcast_to(light, pixels.shape[:2])[..., None]).astype(np.uint8))
        scaled = [np.asarray(Image.fromarray(tile).resize((TILE, TILE))) for tile in tiles]
        file = io.BytesIO()
        Image.fromarray(np.concatenate(scaled, axis=1)).save(file, "PNG")
        return Figure(title, "image", picture=base64.b64encode(file.getvalue()).decode("ascii"))

    def _columns(self, title: str, rows: Sequence[Row], best: Sequence[int]) -> Figure:
        """How far the columns of these rows are from those of all, in standard deviations."""
        names = [
            name for name, kind in cast(TableTask, self._task).columns(self._processor).items() if kind == "number"
        ]
        values = np.array([[row["features"].get(name) for name in names] for row in rows], dtype=np.float64)
        spread = np.nanstd(values, axis=0)
        far = (np.nanmean(values[list(best)], axis=0) - np.nanmean(values, axis=0)) / np.where(spread > 0, spread, 1.0)
        order = np.argsort(-np.abs(far), kind="stable")[:12]
        bars = Series("deviations from the mean", [names[place] for place in order], far[order].tolist())
        return Figure(title, "bar", "", "standard deviations", [bars])

    def climb(self, network: Any, layer: str, channel: int, row: Row, *, steps: int, seed: int) -> np.ndarray | None:
        """A picture that activates the channel; None where rows are no images.

        Args:
            row: any; its size is that of the picture.
        """
        if "image" not in self._task.abilities or not steps:
            return None
        from modelyard.networks import activation_maximization

        (encoded,) = self.encode([row])
        ((name, pixels),) = encoded.items()
        low, high = (
            self._task.collate(self._processor, [{name: np.full_like(pixels, value)}])[name][0] for value in (0, 255)
        )
        return activation_maximization.climb(network, layer, channel, {name: (low, high)}, steps=steps, seed=seed)


def _measures(
    names: Sequence[str], orders: Mapping[int, np.ndarray], confidence: float, seed: int
) -> dict[str, Measure]:
    if not names:
        return {"purity": Measure(None), "purity_random": Measure(None)}
    shares = [purity.share([names[place] for place in order]) for order in orders.values()]
    top = len(next(iter(orders.values())))
    chance = purity.by_chance(names, top, seed=seed)
    return {
        "purity": purity.mean(shares, confidence, seed),
        "purity_random": Measure(chance, n=purity.DRAWS, confidence=confidence),
    }


def _table(rows: Sequence[Row], peaks: np.ndarray, orders: Mapping[int, np.ndarray], names: Sequence[str]) -> Table:
    cells: list[list[str | float | int | None]] = [
        [
            channel,
            float(peaks[order[0], channel]),
            float(peaks[:, channel].mean()),
            ", ".join(str(rows[place][ROW_ID]) for place in order),
            ", ".join(names[place] for place in order) if names else "",
        ]
        for channel, order in orders.items()
    ]
    return Table("What activates each channel most", ["channel", "highest", "mean", "rows", "answers"], cells)
