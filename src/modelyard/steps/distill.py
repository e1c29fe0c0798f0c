"""``distill``: a small model learns to answer as a large one does. Knows no architecture and no runtime by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal, cast

import numpy as np

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between, Search
from modelyard.core.runtime import NetworkSession
from modelyard.core.step import step
from modelyard.engines.training import Settings, learned_transforms, preparation, train, write_curve
from modelyard.engines.training.lessons import UNLABELLED, Lessons, join, read_lessons, with_copies
from modelyard.engines.training.teaching import Teacher
from modelyard.methods import learning_rate as rates


@step(needs="labels training gradients", converts=True, shrinks="recovery")
def distill(
    model: Model,
    teacher: Model,
    data: Dataset,
    *,
    out: Path,
    scratch: Path,
    soft: Annotated[float, Between(0.0, 1.0)] = 0.5,
    temperature: Annotated[float, Between(0.1, 100.0)] = 2.0,
    hidden: Annotated[float, Between(0.0, 1000.0)] = 0.0,
    copies: Annotated[int, Between(0, 100)] = 0,
    epochs: Annotated[float, Between(0.01, 1000), Search(2.0, 4.0)] = 3.0,
    learning_rate: Annotated[float, Between(0.0, 1.0)] | None = None,
    batch_size: Annotated[int, Between(1, 65536)] = 32,
    schedule: Literal["linear", "cosine", "step", "constant"] = "linear",
    warmup: Annotated[float, Between(0.0, 1.0)] = 0.1,
    weight_decay: Annotated[float, Between(0.0, 10.0)] = 0.01,
    dropout: Annotated[float, Between(0.0, 0.9)] | None = None,
    early_stopping: Annotated[int, Between(1, 1000)] | None = None,
    clip_gradient_norm: Annotated[float, Between(1e-6, 1e6)] | None = 1.0,
    precision: Literal["auto", "fp32", "bf16"] = "auto",
    device: str = "auto",
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
    checkpoint_every: Annotated[int, Between(1, 1_000_000)] = 200,
) -> Model:
    """Train a small model on the answers of a large one.

    The student is the model that the step is given: one that ``prune`` made of the teacher, or any other with the same
    classes, which may read other tokens. The teacher is asked once for each row, and may run on any runtime, an
    ensemble included; in a recipe it is the model before the first conversion unless one is named.

    The student learns the teacher's probabilities, softened by a temperature (Hinton et al., 2015), mixed with the
    right labels; and, with ``hidden``, the states of the teacher's layers of the same depth (Sun et al., 2019),
    through a learned linear map where the widths differ. Rows without a label, and those of a split ``unlabelled``,
    are learned from the teacher alone, and so are changed copies of the texts (``copies``; Tang et al., 2019). The
    split ``validation`` decides which epoch's weights are kept. A killed run resumes to the same weights, without
    asking the teacher again.

    Args:
        model: the student.
        teacher: the model whose answers are learned; it must have the student's classes.
        data: rows to learn from, in the splits train, validation and, if there are any, unlabelled.
        soft: share of the teacher's answers in the loss of a labelled row; the rest is for its label.
        temperature: what logits are divided by before they are compared; above 1 shows more of the wrong classes.
        hidden: weight of the distance between the states of the layers; both must be transformers in torch.
        copies: changed copies of each text (words left out, replaced, texts spliced) that the teacher answers too.
        epochs: passes over the rows, copies included.
        learning_rate: peak rate. Left out, it follows the size of the student, as in ``finetune full``.
        batch_size: rows of one step.
        schedule: how the rate falls after warm-up: linear or cosine to zero, step to a tenth after each third, or
            constant.
        warmup: share of the steps over which the rate rises from zero.
        weight_decay: decay of AdamW; biases and norms are spared.
        dropout: rate inside the student's layers. Left out, its own stays.
        early_stopping: stop after this many evaluations in a row without a smaller validation loss.
        clip_gradient_norm: longest gradient that is followed; longer ones are scaled down to it. Null for no limit.
        precision: auto computes in bf16 where the chip does so natively, else in fp32, for teacher and student alike.
        device: cpu, cuda, cuda:N, or auto for a CUDA device where there is one.
        seed: of the order of rows, of dropout and of the copies.
        checkpoint_every: steps between two checkpoints.
    """
    # They load torch, which a step's file may do only when it runs.
    from modelyard.networks import blocks
    from modelyard.networks.distillation import Student, make_loss

    _check_pair(model, teacher)
    lessons = _lessons(model, data, copies, seed)
    runtime = lookup.runtime(model.runtime)
    session = cast(NetworkSession, runtime.open(model, device=device))
    network = preparation.with_dropout(session.network, dropout, 0.0)
    settings = Settings(
        epochs=epochs,
        learning_rate=learning_rate or rates.for_size(preparation.count_trained(network)),
        batch_size=batch_size,
        schedule=schedule,
        warmup=warmup,
        weight_decay=weight_decay,
        early_stopping=early_stopping,
        clip_gradient_norm=clip_gradient_norm,
        bf16=preparation.use_bf16(precision, network),
        seed=seed,
        checkpoint_every=checkpoint_every,
    )
    layers = len(blocks.find(network)) if hidden else 0
    with Teacher(teacher, model.labels, device=device, bf16=settings.bf16, cache=scratch) as asked:
        answers = asked.answer(lessons.rows, data.transforms, layers=layers)
        examples = lessons.examples(model, data, answers.beside)
        validation = None
        if data.splits.get("validation"):
            judged = read_lessons(model, data, "validation")
            validation = judged.examples(model, data, asked.answer(judged.rows, data.transforms).beside)
    widths = [state.shape[1] for state in answers.states]
    student = Student(network, widths, examples.inputs(np.array([0])), seed=seed) if hidden else network
    loss = make_loss(temperature=temperature, soft=soft, hidden=hidden)
    parents = [model, teacher, data]
    identity = json.dumps([*(item.digest for item in parents), soft, temperature, hidden, copies, dropout])
    curve = train(student, examples, validation, settings, loss=loss, scratch=scratch, identity=identity)
    built = runtime.build(model, out, network=student.release() if isinstance(student, Student) else student)
    write_curve(out, curve)
    return model.retrained(out, parents=parents, transforms=learned_transforms(model, data), settings=built)


def _check_pair(model: Model, teacher: Model) -> None:
    if teacher.task != model.task:
        raise InputError(
            f"the teacher does {teacher.task}", expected=f"{model.task}, as the student", fix="name another teacher"
        )
    if set(teacher.labels) != set(model.labels):
        raise InputError(
            f"the teacher has the classes {', '.join(teacher.labels)}",
            expected=f"those of the student: {', '.join(model.labels)}",
            fix="adopt the student with the classes of the data that the teacher was trained on",
        )


def _lessons(model: Model, data: Dataset, copies: int, seed: int) -> Lessons:
    parts = [read_lessons(model, data, split) for split in ("train", UNLABELLED) if data.splits.get(split)]
    return with_copies(join(parts), copies, seed=seed)
