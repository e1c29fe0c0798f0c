"""The training loop: AdamW over length-bucketed batches, validation, early stopping, exact resume.

Every random choice depends on the seed and the step alone, so the same run on the same machine gives the
same weights bit for bit, whether or not it was killed in between. Knows a network, a loss and examples; knows
no task by name and writes nothing but its checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.artifact import canonical_json, hash_bytes
from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.progress import Bar, progress
from modelyard.engines.training import checkpoint
from modelyard.engines.training.examples import Examples
from modelyard.engines.training.optimizer import make_optimizer, shrink
from modelyard.engines.training.validation import validate
from modelyard.methods import learning_rate, length_batches
from modelyard.methods.learning_rate import Schedule

Loss = Callable[[Any, Mapping[str, Any], Any], Any]
"""``loss(network, batch, weights)``, as :meth:`Task.loss`: a scalar tensor."""

AfterStep = Callable[[int, int], None]
"""``after_step(done, total)``: number of updates done, and of all."""

CURVE_POINTS = 100
"""Points of the curve of training losses."""


@dataclass(frozen=True)
class Settings:
    """How to train; what each one means stands with the options of ``finetune full``."""

    epochs: float
    learning_rate: float
    batch_size: int = 32
    schedule: Schedule = "linear"
    warmup: float = 0.1
    weight_decay: float = 0.01
    l1: float = 0.0
    early_stopping: int | None = None
    clip_gradient_norm: float | None = 1.0
    bf16: bool = False
    seed: int = 0
    checkpoint_every: int = 200
    judge_start: bool = False
    """Judge the validation rows before the first step too, so that training cannot end worse than it began."""


@dataclass
class Progress:
    """Where a run stands; JSON values only, kept in each checkpoint."""

    step: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    losses: list[dict[str, float]] = field(default_factory=list)
    evaluations: list[dict[str, float]] = field(default_factory=list)
    best: int | None = None
    """Index of the evaluation with the least validation loss."""


def train(
    network: Any,
    examples: Examples,
    validation: Examples | None,
    settings: Settings,
    *,
    loss: Loss,
    scratch: Path,
    identity: str,
    after_step: AfterStep | None = None,
) -> dict[str, Any]:
    """Train ``network`` in place; it ends with the weights of the best evaluation, in evaluation mode.

    Weights whose ``requires_grad`` is false stay as they are. The network stays on its device.

    Args:
        examples: rows to train on.
        validation: rows to judge each epoch by; without them the last weights are kept.
        loss: what to minimise.
        scratch: folder for checkpoints; a checkpoint of the same run found there is resumed.
        identity: names all that the run depends on beside ``settings``, such as the digests of model and data.
        after_step: called after each update; what it does may depend on its arguments and on weights and buffers of
            the network only, which a resumed run finds again.

    Returns:
        ``losses`` (step, loss, learning rate), ``evaluations`` (one an epoch), ``best_step`` and ``settings``.

    Raises:
        InputError: early stopping without validation rows.
        ModelyardError: the loss is no longer a finite number.
    """
    import torch

    if settings.early_stopping is not None and not validation:
        raise InputError("early_stopping needs a validation split", fix="name one under data: split:, or leave it out")
    run = _Run(network, examples, validation, settings, loss, scratch, identity, after_step)
    with run.shortcuts(), torch.random.fork_rng(devices=[run.device] if run.device.type == "cuda" else []):
        torch.manual_seed(settings.seed)
        run.resume()
        with progress("training", run.total) as bar:
            run.finish(bar)
    network.eval()
    return run.summary()


class _Run:
    """One run and its state."""

    def __init__(
        self,
        network: Any,
        examples: Examples,
        validation: Examples | None,
        settings: Settings,
        loss: Loss,
        scratch: Path,
        identity: str,
        after_step: AfterStep | None,
    ) -> None:
        self.network, self.examples, self.validation = network, examples, validation
        self.settings, self.loss, self.scratch, self.after_step = settings, loss, scratch, after_step
        self.identity = hash_bytes(canonical_json([identity, asdict(settings)]))
        self.device = next(network.parameters()).device
        self.lengths = examples.lengths
        self.steps_an_epoch = math.ceil(len(examples) / settings.batch_size)
        self.total = max(1, round(settings.epochs * self.steps_an_epoch))
        self.optimizer = make_optimizer(network, settings.learning_rate, settings.weight_decay)
        self.progress = Progress()

    @contextmanager
    def shortcuts(self) -> Iterator[None]:
        """Make the steps cheaper as long as the run lasts."""
        from modelyard.engines.training import shortcuts

        if self.device.type == "cpu":
            shortcuts.use_cheap_dropout(self.network)
        # The shortest and the longest row: one of them is padded.
        ends = np.array([np.argmin(self.lengths), np.argmax(self.lengths)])
        undo = shortcuts.skip_unread_positions(self.network, self._tensors(self.examples.inputs(ends)))
        try:
            yield
        finally:
            undo()

    def resume(self) -> None:
        """Go on from the checkpoint of this run, if there is one."""
        found = checkpoint.load(self.scratch / "checkpoint.safetensors")
        if found and found[1].get("identity") == self.identity:
            tensors, state = found
            checkpoint.scatter(tensors, self.network, self.optimizer)
            self.progress = Progress(**state["progress"])

    def finish(self, bar: Bar) -> None:
        """All steps that are left."""
        if self.progress.step:
            bar.advance(self.progress.step)
        if self.settings.judge_start and self.validation and not self.progress.step:
            self._evaluate(self.validation)
        epoch, batches = -1, list[np.ndarray]()
        while self.progress.step < self.total and not self._out_of_patience():
            current, position = divmod(self.progress.step, self.steps_an_epoch)
            if current != epoch:
                epoch = current
                batches = length_batches.shuffled(
                    self.lengths, self.settings.batch_size, seed=(self.settings.seed, epoch)
                )
            value = self._step(batches[position])
            self._note(value)
            if self.validation and (position + 1 == self.steps_an_epoch or self.progress.step == self.total):
                self._evaluate(self.validation)
            if self.progress.step % self.settings.checkpoint_every == 0 and self.progress.step < self.total:
                self._save()
            bar.advance(1, loss=value)
        self._take_best()

    def _step(self, positions: np.ndarray) -> float:
        """One update; the loss before it."""
        import torch

        rate = self._rate(self.progress.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        arrays, weights = self.examples.batch(positions)
        with self._autocast():
            loss = self.loss(self.network, self._tensors(arrays), self._tensor(weights))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ModelyardError(
                f"the training loss became {value} at step {self.progress.step}",
                expected="a finite number",
                fix="lower learning_rate, lengthen warmup, or use precision fp32",
            )
        loss.backward()
        if self.settings.clip_gradient_norm is not None:
            trained = [weight for group in self.optimizer.param_groups for weight in group["params"]]
            torch.nn.utils.clip_grad_norm_(trained, self.settings.clip_gradient_norm)
        self.optimizer.step()
        if self.settings.l1:
            shrink(self.optimizer, self.settings.l1)
        self.optimizer.zero_grad()
        self.progress.step += 1
        if self.after_step is not None:
            self.after_step(self.progress.step, self.total)
        return value

    def _note(self, loss: float) -> None:
        state = self.progress
        state.loss_sum, state.loss_count = state.loss_sum + loss, state.loss_count + 1
        if state.step % max(1, self.total // CURVE_POINTS) == 0 or state.step == self.total:
            point = {
                "step": state.step,
                "loss": state.loss_sum / state.loss_count,
                "learning_rate": self._rate(state.step - 1),
            }
            state.losses.append(point)
            state.loss_sum, state.loss_count = 0.0, 0

    def _evaluate(self, validation: Examples) -> None:
        """Judge the validation rows; write the weights down if they are the best so far."""
        with self._autocast():
            found = validate(self.network, validation, self.loss, self._tensors)
        state = self.progress
        state.evaluations.append({"epoch": state.step / self.steps_an_epoch, "step": state.step, **found})
        best = None if state.best is None else state.evaluations[state.best]["loss"]
        if best is None or found["loss"] < best:
            state.best = len(state.evaluations) - 1
            # The last weights need no copy: they are the network's own.
            if state.step < self.total:
                checkpoint.save(self._best_path, checkpoint.network_tensors(self.network), {"identity": self.identity})

    def _out_of_patience(self) -> bool:
        patience, state = self.settings.early_stopping, self.progress
        if patience is None or state.best is None:
            return False
        return len(state.evaluations) - 1 - state.best >= patience

    def _take_best(self) -> None:
        state = self.progress
        if state.best is not None and state.evaluations[state.best]["step"] != state.step:
            found = checkpoint.load(self._best_path)
            if found is None or found[1].get("identity") != self.identity:
                raise ModelyardError(f"the best weights are gone: {self._best_path.name}", fix="run the step again")
            checkpoint.restore_network(found[0], self.network)

    @property
    def _best_path(self) -> Path:
        return self.scratch / "best.safetensors"

    def _save(self) -> None:
        state = {"identity": self.identity, "progress": asdict(self.progress)}
        checkpoint.save(self.scratch / "checkpoint.safetensors", checkpoint.gather(self.network, self.optimizer), state)

    def _rate(self, step: int) -> float:
        settings = self.settings
        return settings.learning_rate * learning_rate.factor(
            step, self.total, schedule=settings.schedule, warmup=settings.warmup
        )

    def _tensor(self, array: np.ndarray | None) -> Any:
        import torch

        return None if array is None else torch.from_numpy(array).to(self.device)

    def _tensors(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
        return {name: self._tensor(array) for name, array in arrays.items()}

    def _autocast(self) -> Any:
        import torch

        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.settings.bf16)

    def summary(self) -> dict[str, Any]:
        state = self.progress
        best = state.step if state.best is None else int(state.evaluations[state.best]["step"])
        return {
            "losses": state.losses,
            "evaluations": state.evaluations,
            "best_step": best,
            "steps": state.step,
            "settings": asdict(self.settings),
        }
