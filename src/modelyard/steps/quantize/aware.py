"""``quantize aware``: a model is trained on while its numbers are rounded as int8 will round them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.runtime import NetworkSession
from modelyard.core.step import step
from modelyard.engines import instructions
from modelyard.engines.calibration import calibration_arrays


@step(needs="training gradients graph", converts=True, runtime="onnxruntime")
def aware(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    scratch: Path,
    epochs: Annotated[float, Between(0.01, 1000)] = 1.0,
    learning_rate: Annotated[float, Between(0.0, 1.0)] | None = None,
    rows: Annotated[int, Between(1, 100_000)] = 200,
    reduce_range: Literal["auto", "yes", "no"] = "auto",
    device: str = "auto",
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Model:
    """Convert to int8 after some training with rounded numbers.

    Weights are rounded with a scale for each output of a layer; what goes into a product or a convolution, and what a
    convolution gives, to 256 values over a range (Jacob et al. 2018). The network learns to live with it, where
    ``quantize static`` takes it as it is; ranges are observed first and widen with the training. Where no epoch is
    better on the split ``validation`` than the start, the start is kept. The result is computed in int8 on the ONNX
    Runtime with the very ranges and scales of the training. It takes the time of a fine-tune: try ``quantize static``
    first, and this where it loses too much.

    Batch norms are folded into the convolutions before them and no longer learn. What is rounded, and why
    ``reduce_range`` matters, is as with ``quantize static``.

    Args:
        model: a trained model, on the runtime torch.
        data: rows to learn from, in the splits train and validation.
        epochs: passes over the training rows; parts of one are allowed.
        learning_rate: peak rate. Left out, it follows the size of the network, as in ``finetune full``.
        rows: how many training rows set the ranges at first.
        reduce_range: weights of 7 bits in place of 8.
        device: cpu, cuda, cuda:N, or auto for a CUDA device where there is one.
        seed: of the order of rows and of dropout.
    """
    task = lookup.task(model.task)
    if "generation" in task.abilities:
        raise InputError(
            "a model that generates cannot be quantized with fixed ranges",
            expected="a model whose answer is one call of its network",
            fix="use quantize weights",
        )
    from modelyard.engines.training import write_curve
    from modelyard.networks import fake_quantization

    reduced = instructions.reduced_range(reduce_range)
    network = cast(NetworkSession, lookup.runtime(model.runtime).open(model, device=device)).network
    _prepare(network, model, data, rows=rows, seed=seed, limit=64 if reduced else 127)
    curve = _train(network, model, data, scratch, epochs, learning_rate, seed, identity=f"{reduced} {rows}")
    fake_quantization.to_stored(network.cpu())
    settings = lookup.runtime("onnxruntime").build(
        model, out, precision="int8", network=network, per_channel=True, reduce_range=reduced
    )
    write_curve(out, curve)
    settings = {**settings, "built_on": instructions.record()}
    return model.retrained(
        out, parents=[model, data], runtime="onnxruntime", transforms=model.transforms, settings=settings
    )


def _prepare(network: Any, model: Model, data: Dataset, *, rows: int, seed: int, limit: int) -> None:
    """Fold batch norms, round everything, and set the ranges on training rows."""
    import torch

    from modelyard.networks import fake_quantization, folding

    device = next(network.parameters()).device

    def tensors(arrays: Any) -> dict[str, Any]:
        return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}

    folding.fold_batch_norms(network, tensors(lookup.task(model.task).export_example(model)[0]))
    fake_quantization.prepare(network, limit=limit)
    drawn = calibration_arrays(model, data, split="train", rows=rows, seed=seed)
    fake_quantization.observe(network, (tensors(arrays) for arrays in drawn))


def _train(
    network: Any,
    model: Model,
    data: Dataset,
    scratch: Path,
    epochs: float,
    learning_rate: float | None,
    seed: int,
    *,
    identity: str,
) -> dict[str, Any]:
    from modelyard.engines.training import Settings, preparation, read_both, train
    from modelyard.methods import learning_rate as rates

    task = lookup.task(model.task)
    processor = task.processor(model)
    examples, validation = read_both(model, data, task=task, processor=processor)
    settings = Settings(
        epochs=epochs,
        learning_rate=learning_rate or rates.for_size(preparation.count_trained(network)),
        schedule="cosine",
        seed=seed,
        judge_start=True,
    )
    identity = json.dumps([model.digest, data.digest, identity])
    return train(network, examples, validation, settings, loss=task.loss, scratch=scratch, identity=identity)
