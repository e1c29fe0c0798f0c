"""What every structured pruning ends with: the smaller model on disk, a trial run, and a fine-tune to recover."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from modelyard.core import lookup
from modelyard.core.artifact import Artifact
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.runtime import NetworkSession


def open_network(model: Model) -> Any:
    """The torch module behind a model, on a CUDA device where there is one."""
    return cast(NetworkSession, lookup.runtime(model.runtime).open(model, device="auto")).network


def finish(
    network: Any,
    model: Model,
    data: Dataset | None,
    *,
    out: Path,
    scratch: Path,
    epochs: float,
    learning_rate: float | None,
    seed: int,
    companions: Mapping[str, str | None] | None = None,
) -> Model:
    """Write the pruned ``network`` as a model; where ``epochs`` says so, train it before on the split ``train``.

    Args:
        companions: texts that take the place of files of the model; None takes a file away.

    Raises:
        InputError: the network does not run without what was pruned, or there are no data to recover on.
    """
    if epochs and data is None:
        raise InputError("recovery trains on real rows", expected="a dataset, or epochs: 0")
    place = scratch / "pruned" if epochs else out
    if epochs:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
    runtime = lookup.runtime(model.runtime)
    parents: list[Artifact] = [model] if data is None else [model, data]
    settings = runtime.build(model, place, network=network)
    for name, text in (companions or {}).items():
        if text is None:
            (place / name).unlink(missing_ok=True)
        else:
            (place / name).write_text(text, encoding="utf-8")
    pruned = model.rewrite(place, parents=parents, settings=settings)
    _try(pruned)
    return _recovered(pruned, data, out, scratch, epochs, learning_rate, seed, parents) if epochs and data else pruned


def _try(pruned: Model) -> None:
    """Read it back and run it once."""
    import torch

    arrays, _ = lookup.task(pruned.task).export_example(pruned)
    network = lookup.task(pruned.task).network(pruned)
    try:
        with torch.inference_mode():
            network(**{name: torch.from_numpy(array) for name, array in arrays.items()})
    except (RuntimeError, ValueError, IndexError) as error:
        raise InputError(
            f"the network does not run without what was pruned: {str(error).splitlines()[0]}",
            expected="an architecture that takes its sizes from its weights, such as BERT or Llama",
        ) from error


def _recovered(
    pruned: Model,
    data: Dataset,
    out: Path,
    scratch: Path,
    epochs: float,
    learning_rate: float | None,
    seed: int,
    parents: list[Artifact],
) -> Model:
    # Here and not above: a plain cut needs no training loop.
    from modelyard.engines.training import learned_transforms, preparation, write_curve

    network = preparation.with_dropout(open_network(pruned), None, 0.0)
    curve = train_on(
        network,
        pruned,
        data,
        scratch=scratch,
        epochs=epochs,
        learning_rate=learning_rate,
        seed=seed,
        identity=pruned.digest + data.digest,
    )
    built = lookup.runtime(pruned.runtime).build(pruned, out, network=network)
    write_curve(out, curve)
    return pruned.retrained(out, parents=parents, transforms=learned_transforms(pruned, data), settings=built)


def train_on(
    network: Any,
    model: Model,
    data: Dataset,
    *,
    scratch: Path,
    epochs: float,
    learning_rate: float | None,
    seed: int,
    identity: str,
    validate: bool = True,
    after_step: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Train ``network`` in place on the split ``train`` as :func:`modelyard.engines.training.train` does."""
    from modelyard.engines.training import Settings, preparation, read_both, train
    from modelyard.methods import learning_rate as rates

    task = lookup.task(model.task)
    processor = task.processor(model)
    examples, validation = read_both(model, data, task=task, processor=processor, validate=validate)
    settings = Settings(
        epochs=epochs,
        learning_rate=learning_rate or rates.for_size(preparation.count_trained(network)),
        bf16=preparation.use_bf16("auto", network),
        seed=seed,
    )
    return train(
        network,
        examples,
        validation,
        settings,
        loss=task.loss,
        scratch=scratch,
        identity=identity,
        after_step=after_step,
    )
