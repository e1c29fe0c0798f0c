"""``balance ensemble``: several models, each on all rows of the smallest class and as many of every other.

Knows no task and no estimator by name: another step trains the members, and the runtime of ensembles holds them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from modelyard.core import lookup
from modelyard.core.artifact import MANIFEST, open_artifact
from modelyard.core.dataset import TRAINING, Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.progress import progress
from modelyard.core.step import Step, step
from modelyard.engines.local import execute
from modelyard.methods import class_balance
from modelyard.steps.balance._classes import training_classes

RUNTIME = "ensemble"


@step(needs="labels", runtime=RUNTIME)
def ensemble(
    data: Dataset,
    model: Model | None = None,
    *,
    out: Path,
    scratch: Path,
    task: str,
    members: Annotated[int, Between(2, 100)] = 5,
    trained_by: str = "auto",
    options: Mapping[str, Any] | None = None,
    seed: Annotated[int, Between(0, 2**31)] = 0,
) -> Model:
    """Train several models on balanced parts of the rows and average their probabilities.

    Each member learns from all rows of the smallest class and from as many of every other class, drawn anew (Liu, Wu
    and Zhou, "Exploratory undersampling for class-imbalance learning", 2009). Nothing is thrown away, as by
    undersample, since every member sees other rows; it takes the time of all members.

    Args:
        data: with a label.
        model: the network that every member starts from, where they are fine-tuned.
        task: what the models do, as a Hugging Face pipeline tag.
        members: number of models.
        trained_by: the step that trains a member, such as fit forest; auto is finetune where there is a model, and
            fit linear where there is none.
        options: of that step, as a recipe gives them.
        seed: of the draws; member k has seed + k.

    Raises:
        InputError: no training split, no label, or a step that cannot train a member.
    """
    trainer = _trainer(trained_by, model)
    classes = training_classes(data)
    trained = []
    with progress("training members", members) as bar:
        for number in range(members):
            part = class_balance.undersample(classes, 1.0, [seed, number])
            given = {"task": task, "seed": seed + number, **(options or {})}
            trained.append(_member(trainer, model, data, part, given, scratch / str(number)))
            bar.advance()
    settings = lookup.runtime(RUNTIME).build(trained[0], out, members=trained, combination="average")
    parents = [data, *([model] if model else [])]
    return trained[0].rewrite(out, parents=parents, runtime=RUNTIME, settings=settings)


def _trainer(name: str, model: Model | None) -> Step:
    trainer = lookup.step(("finetune" if model else "fit linear") if name == "auto" else name)
    kinds = [parameter.kind for parameter in trainer.parameters if not parameter.optional]
    wanted = [Model, Dataset] if model else [Dataset]
    if trainer.result is not Model or kinds != wanted or trainer.name == "balance ensemble":
        raise InputError(
            f"trained_by: {name!r} makes no member of {'a model and data' if model else 'data alone'}",
            expected="finetune, with a model" if model else "a step such as fit linear, fit forest or fit boosting",
            fix="leave model: out of the recipe to use a fit step" if model else "name a model to use finetune",
        )
    return trainer


def _member(
    trainer: Step, model: Model | None, data: Dataset, part: np.ndarray, given: Mapping[str, Any], folder: Path
) -> Model:
    """One trained model; one that an earlier, killed run has finished is taken as it is."""
    made, rows, work = folder / "model", folder / "data", folder / "work"
    if (made / MANIFEST).is_file():
        found = open_artifact(made)
        if isinstance(found, Model):
            return found
    for place in (made, rows):
        if place.exists():
            shutil.rmtree(place)
    for place in (made, rows, work):
        place.mkdir(parents=True, exist_ok=True)
    own = {name: value for name, value in given.items() if name in trainer.options or name not in ("task", "seed")}
    inputs = [*([model] if model else []), _weighted(data, part, rows)]
    member = execute(trainer, inputs, trainer.check_options(own), out=made, scratch=work)
    if not isinstance(member, Model):
        raise InputError(f"trained_by: {trainer.name!r} makes no model")
    return member


def _weighted(data: Dataset, part: np.ndarray, out: Path) -> Dataset:
    """The same rows; those outside the part weigh nothing: what is fitted to columns is alike for all members."""
    import pyarrow as pa

    tables = data.tables()
    for name, table in tables.items():
        weights = table.column("weight").to_numpy() if "weight" in table.column_names else np.ones(table.num_rows)
        if name == TRAINING:
            weights = np.where(np.isin(np.arange(table.num_rows), part), weights, 0.0)
        rest = table.drop(["weight"]) if "weight" in table.column_names else table
        tables[name] = rest.append_column("weight", pa.array(weights, pa.float64()))
    return data.rewrite(out, tables)
