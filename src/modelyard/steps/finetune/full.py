"""Fine-tunes every weight of a model. Knows no task by name: rows, loss and network come from the model's task."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, cast

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.runtime import NetworkSession
from modelyard.core.step import step
from modelyard.engines.training import Settings, learned_transforms, preparation, read_both, train, write_curve
from modelyard.methods import learning_rate as rates


@step(needs="training gradients", shrinks="recovery")
def full(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    scratch: Path,
    epochs: Annotated[float, Between(0.01, 1000)] = 3.0,
    learning_rate: Annotated[float, Between(0.0, 1.0)] | None = None,
    batch_size: Annotated[int, Between(1, 65536)] = 32,
    max_length: Annotated[int, Between(2, 1_000_000)] | None = None,
    image_size: Annotated[int, Between(16, 4096)] | None = None,
    schedule: Literal["linear", "cosine", "step", "constant"] = "linear",
    warmup: Annotated[float, Between(0.0, 1.0)] = 0.1,
    weight_decay: Annotated[float, Between(0.0, 10.0)] = 0.01,
    l1: Annotated[float, Between(0.0, 10.0)] = 0.0,
    dropout: Annotated[float, Between(0.0, 0.9)] | None = None,
    attention_dropout: Annotated[float, Between(0.0, 0.9)] | None = 0.0,
    early_stopping: Annotated[int, Between(1, 1000)] | None = None,
    clip_gradient_norm: Annotated[float, Between(1e-6, 1e6)] | None = 1.0,
    precision: Literal["auto", "fp32", "bf16"] = "auto",
    device: str = "auto",
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
    checkpoint_every: Annotated[int, Between(1, 1_000_000)] = 200,
) -> Model:
    """Fine-tune every weight with AdamW.

    Rows of like length share a batch, which is padded to its longest row only. The split ``validation`` is
    judged after each epoch, and the weights with the least loss on it are kept; without one, the last ones are.
    A killed run resumes from its last checkpoint and ends with the very weights that it would have had: the same
    seed gives the same weights, bit for bit, on one machine. Rows count as the role ``weight`` says, if
    the data have it. The curve of losses is kept in the model as ``training.json``.

    Args:
        model: the model to start from.
        data: rows to learn from, in the splits train and validation.
        epochs: passes over the training rows; parts of one are allowed.
        learning_rate: peak rate. Left out, it follows the size of the network: 5e-5 for one like BERT-base, 2e-4 for a
            six-layer one of width 384, since small networks learn too little at the rates of large ones.
        batch_size: rows of one step.
        max_length: most tokens of a row that are read; longer ones are cut. Left out, the model's own limit stays.
        image_size: height and width in pixels that images are brought to. Left out, the model's own stays; a smaller
            one is faster. Networks that number their patches take no other.
        schedule: how the rate falls after warm-up: linear or cosine to zero, step to a tenth after each third, or
            constant.
        warmup: share of the steps over which the rate rises from zero.
        weight_decay: decay of AdamW, which is an L2 penalty; biases and norms are spared.
        l1: L1 penalty, which makes weights zero; biases and norms are spared.
        dropout: rate inside the layers. Left out, the model's own stays.
        attention_dropout: rate on attention weights; null leaves the model's own. It is off because no fused
            attention kernel has it: with it a batch of 32 rows of 128 tokens takes 1.4 times as long on a CPU, and
            no gain in accuracy was seen.
        early_stopping: stop after this many evaluations in a row without a smaller validation loss.
        clip_gradient_norm: longest gradient that is followed; longer ones are scaled down to it. Null for no limit.
        precision: auto computes in bf16 where the chip is faster in it (CUDA as it says, a CPU as measured), else in
            fp32. Weights are always kept in fp32.
        device: cpu, cuda, cuda:N, or auto for a CUDA device where there is one.
        seed: of the order of rows and of dropout.
        checkpoint_every: steps between two checkpoints.
    """
    model_read = _with_image_size(_with_max_length(model, max_length), image_size)
    task, runtime = lookup.task(model.task), lookup.runtime(model.runtime)
    processor = task.processor(model_read)
    examples, validation = read_both(model, data, task=task, processor=processor)
    session = cast(NetworkSession, runtime.open(model, device=device))
    network = preparation.with_dropout(session.network, dropout, attention_dropout)
    settings = Settings(
        epochs=epochs,
        learning_rate=learning_rate or rates.for_size(preparation.count_trained(network)),
        batch_size=batch_size,
        schedule=schedule,
        warmup=warmup,
        weight_decay=weight_decay,
        l1=l1,
        early_stopping=early_stopping,
        clip_gradient_norm=clip_gradient_norm,
        bf16=preparation.use_bf16(precision, network),
        seed=seed,
        checkpoint_every=checkpoint_every,
    )
    identity = json.dumps([model.digest, data.digest, max_length, image_size, dropout, attention_dropout])
    curve = train(network, examples, validation, settings, loss=task.loss, scratch=scratch, identity=identity)
    built = runtime.build(model, out, network=network)
    write_curve(out, curve)
    return model_read.retrained(out, parents=[model, data], transforms=learned_transforms(model, data), settings=built)


def _with_max_length(model: Model, max_length: int | None) -> Model:
    """The same model reading rows up to another length."""
    if max_length is None:
        return model
    limit = model.settings.get("length_limit")
    if limit is None or max_length > limit:
        raise InputError(
            f"max_length: {max_length}",
            expected="no max_length for this model"
            if limit is None
            else f"at most {limit}, which the network can take",
        )
    return _with_setting(model, "max_length", max_length)


def _with_image_size(model: Model, image_size: int | None) -> Model:
    """The same model for images of another size."""
    if image_size is None:
        return model
    if "image_size" not in model.settings:
        raise InputError(f"image_size: {image_size}", expected="no image_size for this model: it takes one size only")
    return _with_setting(model, "image_size", image_size)


def _with_setting(model: Model, name: str, value: int) -> Model:
    return replace(model, attributes={**model.attributes, "settings": {**model.settings, name: value}})
