"""A small network over a table, which every runtime can take."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.sources import fetch


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """200 rows of four numbers in two classes."""
    generator = np.random.default_rng(0)
    values = generator.normal(size=(200, 4))
    columns = {f"f{place}": values[:, place] for place in range(4)}
    features = [{name: float(column[row]) for name, column in columns.items()} for row in range(200)]
    labels = ["yes" if row[:2].sum() > 0 else "no" for row in values]
    rows = pa.table({"row": pa.array(range(200), pa.int64()), "features": features, "label": labels})
    folder = tmp_path_factory.mktemp("table")
    return Dataset.write(folder, {"train": rows[:150], "test": rows[150:]}, parents=[], labels=["no", "yes"])


@pytest.fixture(scope="session")
def network(table: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A multilayer perceptron with two hidden layers."""
    out = tmp_path_factory.mktemp("network")
    step = lookup.step("load model")
    model = step.function(fetch("new:mlp?hidden=16,8"), table, out=out, task="tabular-classification")
    assert isinstance(model, Model)
    return model


@pytest.fixture(scope="session")
def features(network: Model, table: Dataset) -> dict[str, np.ndarray]:
    """The rows of the test split as the network takes them."""
    task = lookup.task(network.task)
    processor = task.processor(network)
    batch = task.collate(processor, task.encode(processor, table.rows("test")))
    return {"features": batch["features"]}
