"""Fine-tunes a classifier on rows that an attack has changed. Knows no task by name: its abilities say which attack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal, cast

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.runtime import NetworkSession
from modelyard.core.step import step
from modelyard.core.task import Task
from modelyard.engines.attacking import hardening
from modelyard.engines.attacking.hardening import Recipe
from modelyard.engines.training import Settings, learned_transforms, preparation, read_both, train, write_curve
from modelyard.methods import learning_rate as rates
from modelyard.methods import text_edits

Attack = Literal["auto", "pgd", "typos", "homoglyphs", "words", "insert"]


@step(needs="labels training gradients")
def adversarial(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    scratch: Path,
    attack: Attack = "auto",
    budget: Annotated[float, Between(0.0, 1000.0)] | None = None,
    iterations: Annotated[int, Between(1, 1000)] = 7,
    share: Annotated[float, Between(0.0, 1.0)] = 0.5,
    copies: Annotated[int, Between(0, 100)] = 1,
    searched: Annotated[int, Between(0, 1_000_000)] = 500,
    epochs: Annotated[float, Between(0.01, 1000)] = 3.0,
    learning_rate: Annotated[float, Between(0.0, 1.0)] | None = None,
    batch_size: Annotated[int, Between(1, 65536)] = 32,
    schedule: Literal["linear", "cosine", "step", "constant"] = "linear",
    warmup: Annotated[float, Between(0.0, 1.0)] = 0.1,
    weight_decay: Annotated[float, Between(0.0, 10.0)] = 0.01,
    clip_gradient_norm: Annotated[float, Between(1e-6, 1e6)] | None = 1.0,
    precision: Literal["auto", "fp32", "bf16"] = "auto",
    device: str = "auto",
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
    checkpoint_every: Annotated[int, Between(1, 1_000_000)] = 200,
) -> Model:
    """Fine-tune a classifier on rows that an attack has changed, so that it withstands the attack better.

    Images and tables are moved by projected gradient descent against the network as it stands, batch by batch (Madry
    et al. 2018); one iteration is the fast variant of Wong et al. (2020). The last weights are kept: loss on unchanged
    validation rows would choose the least hardened ones. Texts are learned with changed copies, edited at random, and
    with those that an attack on the model finds; the split ``validation`` decides which epoch's weights are kept.

    It helps against the attack that it is trained on, at some cost of accuracy, and little against others: measure with
    ``attack`` before and after.

    Args:
        model: the model to start from; for texts, unless ``searched`` is 0, one that was trained already, since it is
            attacked.
        data: rows to learn from, in the splits train and, for texts, validation.
        attack: pgd for images and tables, the kind of the edits for texts; auto is pgd or typos.
        budget: of the attack, as in ``attack``. Left out, 0.03 of a pixel's range or standard deviations, or 3 words.
        iterations: gradient steps of pgd for each batch; the time of a step grows with them.
        share: weight of the moved rows in the loss, for images and tables.
        copies: changed copies of each text, edited at random.
        searched: texts that are attacked; what was found is learned too.
        epochs: passes over the rows, copies included.
        learning_rate: peak rate. Left out, it follows the size of the network, as in ``finetune full``.
        batch_size: rows of one step.
        schedule: how the rate falls after warm-up: linear or cosine to zero, step to a tenth after each third, or
            constant.
        warmup: share of the steps over which the rate rises from zero.
        weight_decay: decay of AdamW; biases and norms are spared.
        clip_gradient_norm: longest gradient that is followed; longer ones are scaled down to it. Null for no limit.
        precision: auto computes in bf16 where the chip is faster in it, else in fp32.
        device: cpu, cuda, cuda:N, or auto for a CUDA device where there is one.
        seed: of the order of rows, of dropout and of what the attack draws.
        checkpoint_every: steps between two checkpoints.
    """
    task, runtime = lookup.task(model.task), lookup.runtime(model.runtime)
    kind = _check_attack(attack, task, budget)
    processor = task.processor(model)
    examples, validation = read_both(model, data, task=task, processor=processor, validate=kind != "pgd")
    session = cast(NetworkSession, runtime.open(model, device=device))
    network = session.network
    loss: hardening.Loss = task.loss
    if kind == "pgd":
        size = 0.03 if budget is None else budget
        loss = hardening.loss_of_moved_rows(
            task.loss, model, data, processor, network, budget=size, iterations=iterations, share=share
        )
    else:
        words = 3 if budget is None else int(budget)
        examples = hardening.with_edited_texts(examples, model, data, Recipe(kind, words, copies, searched, seed))
    settings = Settings(
        epochs=epochs,
        learning_rate=learning_rate or rates.for_size(preparation.count_trained(network)),
        batch_size=batch_size,
        schedule=schedule,
        warmup=warmup,
        weight_decay=weight_decay,
        clip_gradient_norm=clip_gradient_norm,
        bf16=preparation.use_bf16(precision, network),
        seed=seed,
        checkpoint_every=checkpoint_every,
    )
    identity = json.dumps([model.digest, data.digest, kind, budget, iterations, share, copies, searched])
    curve = train(network, examples, validation, settings, loss=loss, scratch=scratch, identity=identity)
    built = runtime.build(model, out, network=network)
    write_curve(out, curve)
    return model.retrained(out, parents=[model, data], transforms=learned_transforms(model, data), settings=built)


def _check_attack(
    attack: Attack, task: Task, budget: float | None
) -> Literal["pgd", "typos", "homoglyphs", "words", "insert"]:
    """The attack that is meant.

    Raises:
        InputError: it is none for the task, or its budget is no number of words.
    """
    takes_texts = "text" in task.abilities
    if not takes_texts and "continuous" not in task.abilities:
        raise InputError(
            f"finetune adversarial: no attack on {task.name} is known",
            expected="a classifier of texts, images or tables",
        )
    kind = ("typos" if takes_texts else "pgd") if attack == "auto" else attack
    if (kind != "pgd") != takes_texts:
        expected = f"auto, or one of {', '.join(text_edits.KINDS)}" if takes_texts else "auto or pgd"
        raise InputError(f"finetune adversarial: attack: {attack!r} on {task.name}", expected=expected)
    if kind != "pgd" and budget is not None and (budget < 1 or budget != int(budget)):
        raise InputError(f"finetune adversarial: budget: {budget:g}", expected="a whole number of words, 1 or more")
    return kind
