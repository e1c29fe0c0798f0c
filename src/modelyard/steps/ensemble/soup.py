"""Averages the weights of models of one architecture. Knows no task by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.progress import progress
from modelyard.core.step import step
from modelyard.engines.training import read_examples
from modelyard.engines.training.checkpoint import network_tensors, restore_network
from modelyard.engines.training.validation import validate
from modelyard.steps.ensemble._members import check_alike

RECORD = "soup.json"


@step(needs="labels training gradients", converts=True)
def soup(
    data: Dataset,
    *models: Model,
    out: Path,
    method: Literal["greedy", "uniform"] = "greedy",
    split: str = "validation",
) -> Model:
    """Average the weights of several models into one, which costs no more than any of them.

    Models fine-tuned from one base in different ways mostly lie in one valley of the loss, and their mean is often
    better than the best of them (Wortsman et al., "Model soups", 2022). ``greedy`` begins with the model of the
    highest accuracy on ``split`` and adds one after the other, best first, where that does not lower it: the result is
    never worse there than the best model. ``uniform`` averages all, whatever comes of it. Which models went in is
    kept as ``soup.json``.

    Args:
        data: rows to judge by.
        models: two or more models of one architecture on the runtime torch, fine-tuned from the same base.
        method: greedy takes a model only where it helps; uniform takes all.
        split: where the rows to judge by come from; not that of the last test.
    """
    _check(models)
    task = lookup.task(models[0].task)
    network = task.network(models[0])
    members = [
        {name: tensor.clone() for name, tensor in network_tensors(task.network(item)).items()} for item in models
    ]
    _check_shapes(members)
    if method == "uniform":
        chosen, record = list(range(len(models))), dict[str, Any]()
    else:
        examples = read_examples(models[0], data, split, task=task, processor=task.processor(models[0]))

        def judge(numbers: Sequence[int]) -> tuple[float, float]:
            restore_network(mean([members[number] for number in numbers]), network)
            found = validate(network, examples, task.loss, _tensors)
            return found["accuracy"], found["loss"]

        chosen, record = choose(len(models), judge)
    restore_network(mean([members[number] for number in chosen]), network)
    settings = lookup.runtime(models[0].runtime).build(models[0], out, network=network)
    (out / RECORD).write_text(json.dumps({"models": chosen, **record}, indent=1) + "\n", encoding="utf-8")
    return models[0].rewrite(out, parents=[data, *models], settings=settings)


def choose(count: int, judge: Callable[[Sequence[int]], tuple[float, float]]) -> tuple[list[int], dict[str, Any]]:
    """Numbers of the models of a greedy soup, and the accuracies on the way.

    Args:
        count: number of models.
        judge: accuracy and loss of the mean of the models of these numbers.
    """
    with progress("tasting", 2 * count - 1) as bar:
        alone = []
        for number in range(count):
            alone.append(judge([number]))
            bar.advance()
        order = sorted(range(count), key=lambda number: (-alone[number][0], alone[number][1], number))
        chosen, best = [order[0]], alone[order[0]][0]
        for number in order[1:]:
            accuracy, _ = judge([*chosen, number])
            bar.advance()
            if accuracy >= best:
                chosen, best = [*chosen, number], accuracy
    return chosen, {"alone": [accuracy for accuracy, _ in alone], "accuracy": best}


def mean(members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean of the tensors of each name, summed in float64; tensors of whole numbers are the first one's."""
    first = members[0]
    return {
        name: sum(member[name].detach().double() for member in members).div(len(members)).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in first.items()
    }


def _check(models: Sequence[Model]) -> None:
    if len(models) < 2:
        raise InputError(f"{len(models)} model", expected="two models or more", fix="name more of them under models:")
    for number, model in enumerate(models, start=1):
        if "gradients" not in lookup.runtime(model.runtime).abilities:
            raise InputError(
                f"model {number} runs on {model.runtime}",
                expected="models whose weights are at hand, on the runtime torch",
                fix="average the models first and convert the soup, or take ensemble average",
            )
    check_alike(models)


def _check_shapes(members: Sequence[Mapping[str, Any]]) -> None:
    first = {name: tuple(tensor.shape) for name, tensor in members[0].items()}
    for number, member in enumerate(members[1:], start=2):
        for name, shape in {**first, **{name: tuple(tensor.shape) for name, tensor in member.items()}}.items():
            if first.get(name) != shape or name not in member or tuple(member[name].shape) != shape:
                raise InputError(
                    f"model {number} has other weights than the first: {name}",
                    expected="models of one architecture",
                    fix="take ensemble average, which combines answers",
                )


def _tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    import torch

    return {name: torch.from_numpy(array) for name, array in arrays.items()}
