"""A teacher's answers to rows: asked once, in batches of like length, and kept for a run that was killed, and for the
next student of this process, as a search trains several.

The teacher may run anywhere; only the states of its layers need a torch network. Knows no loss.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from modelyard.core import lookup
from modelyard.core.artifact import canonical_json
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor, apply_transforms
from modelyard.core.progress import progress
from modelyard.core.runtime import Arrays
from modelyard.core.transform import Row, TransformSpec, pending_transforms
from modelyard.engines.training import checkpoint
from modelyard.engines.training.examples import Examples
from modelyard.methods import length_batches

BUDGET = 2048
"""Padded units of one batch."""
MOST_REMEMBERED = 2
"""Sets of rows, of training and of validation, whose answers stay in memory."""


@dataclass(frozen=True)
class Answers:
    """What a teacher says of rows.

    Attributes:
        logits: (rows, classes), in the order of the student's classes.
        states: (rows, width) of each layer that was asked for.
    """

    logits: np.ndarray
    states: tuple[np.ndarray, ...]

    @property
    def beside(self) -> Arrays:
        """The same arrays under the names that the loss reads in a batch."""
        from modelyard.networks.distillation import TEACHER_LOGITS, TEACHER_STATES

        states = {f"{TEACHER_STATES}{layer}": state for layer, state in enumerate(self.states)}
        return {TEACHER_LOGITS: self.logits, **states}


_REMEMBERED: dict[str, Answers] = {}
"""Digest of what was asked → what was answered."""


class Teacher:
    """An opened model that is asked for its answers; a context manager.

    Args:
        model: the teacher.
        labels: the classes in the student's order.
        device: where a teacher in torch runs; others run on the CPU.
        bf16: compute in bfloat16, where it runs in torch.
        cache: folder in which answers outlive a crash.
    """

    def __init__(self, model: Model, labels: Sequence[str], *, device: str, bf16: bool, cache: Path) -> None:
        self.model, self.cache = model, cache
        self.order = [model.labels.index(label) for label in labels]
        on_torch = "gradients" in lookup.runtime(model.runtime).abilities
        self.predictor = Predictor(model, device=device if on_torch else "cpu")
        self.network: Any = getattr(self.predictor.session, "network", None)
        self.bf16 = bf16 and self.network is not None

    def answer(self, rows: Sequence[Row], done: Sequence[TransformSpec], *, layers: int = 0) -> Answers:
        """Logits for each row and, where asked for, the states after its layers.

        Args:
            rows: to be answered.
            done: transforms that the rows have had.
            layers: number of layers, evenly spread in depth and ending with the last, whose states are wanted.

        Raises:
            InputError: states are wanted of a teacher that runs no torch network.
        """
        if layers and self.network is None:
            raise InputError(
                f"a teacher on the runtime {self.model.runtime} does not show its layers",
                expected="a teacher on the runtime torch",
                fix="learn from its answers alone: hidden: 0, or name the teacher as it was before its conversion",
            )
        ready = apply_transforms(pending_transforms(self.model.transforms, done), rows)
        examples = self._encode(ready)
        key = _digest([self.model.digest, self.order, self.bf16, layers], examples)
        if key not in _REMEMBERED:
            while len(_REMEMBERED) >= MOST_REMEMBERED:
                del _REMEMBERED[next(iter(_REMEMBERED))]
            _REMEMBERED[key] = self._ask_once(key, examples, layers)
        return _REMEMBERED[key]

    def _ask_once(self, key: str, examples: Examples, layers: int) -> Answers:
        """The answers of a run that was killed, or new ones."""
        place = self.cache / f"teacher-{key[-16:]}.safetensors"
        found = checkpoint.load(place)
        if found is not None and found[1].get("identity") == key:
            tensors = found[0]
            return Answers(tensors["logits"].numpy(), tuple(tensors[f"{layer}"].numpy() for layer in range(layers)))
        answers = self._ask(examples, layers)
        checkpoint.save(place, _to_tensors(answers), {"identity": key})
        return answers

    def _encode(self, rows: Sequence[Row]) -> Examples:
        task, processor = self.predictor.task, self.predictor.processor
        inputs = [{role: row[role] for role in task.inputs} for row in rows]
        return Examples(task, processor, task.encode(processor, inputs), None)

    def _ask(self, examples: Examples, layers: int) -> Answers:
        import torch

        from modelyard.networks.layer_states import LayerStates, by_depth

        catcher = LayerStates(self.network) if layers else None
        logits, states = np.empty((len(examples), len(self.order)), dtype=np.float32), list[np.ndarray]()
        kind = "cpu" if self.network is None else next(self.network.parameters()).device.type
        with progress("asking the teacher", len(examples)) as bar:
            for positions in length_batches.by_budget(examples.lengths, BUDGET):
                with torch.autocast(kind, dtype=torch.bfloat16, enabled=self.bf16):
                    outputs = self.predictor.session.run(examples.inputs(positions))
                logits[positions] = np.asarray(outputs["logits"], dtype=np.float32)[:, self.order]
                caught = catcher.take() if catcher else []
                chosen = [caught[layer].float().cpu().numpy() for layer in by_depth(layers, len(caught))]
                states = states or [np.empty((len(examples), state.shape[1]), dtype=np.float32) for state in chosen]
                for whole, part in zip(states, chosen, strict=True):
                    whole[positions] = part
                bar.advance(len(positions))
        if catcher:
            catcher.close()
        if not np.isfinite(logits).all():
            raise InputError("the teacher's answers are not finite numbers", fix="evaluate the teacher first")
        return Answers(logits, tuple(states))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.predictor.close()


def _digest(identity: Sequence[Any], examples: Examples) -> str:
    """Digest of what the answers depend on."""
    digest = hashlib.sha256(canonical_json(identity))
    for row in examples.encoded:
        for name, array in row.items():
            digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _to_tensors(answers: Answers) -> dict[str, Any]:
    import torch

    states = {f"{layer}": torch.from_numpy(state) for layer, state in enumerate(answers.states)}
    return {"logits": torch.from_numpy(answers.logits), **states}
