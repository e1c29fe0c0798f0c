"""Core ML: written here with the weights of its source, run on macOS alone."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.testing import check_runtime, check_step
from tests.extras import needs

pytestmark = [needs("coremltools", "coreml"), pytest.mark.slow]

RUNTIME = lookup.runtime("coreml")
PACKAGE = "model.mlpackage"


@pytest.fixture(scope="module")
def exported(network: Model) -> Model:
    made = check_step("export coreml", [network])
    assert isinstance(made, Model)
    return made


def weights(package: Path) -> list[np.ndarray]:
    """Every tensor that the program reads from the package's file of weights."""
    from coremltools.libmilstoragepython import _BlobStorageReader
    from coremltools.models.utils import load_spec

    spec = load_spec(str(package))
    reader = _BlobStorageReader(str(package / "Data/com.apple.CoreML/weights/weight.bin"))
    blocks = spec.mlProgram.functions["main"].block_specializations
    values = [
        operation.attributes["val"]
        for block in blocks.values()
        for operation in block.operations
        if operation.type == "const"
    ]
    found = []
    for value in values:
        if value.HasField("blobFileValue"):
            found.append(np.asarray(reader.read_float_data(value.blobFileValue.offset), np.float32))
        elif value.immediateValue.tensor.HasField("floats"):
            found.append(np.asarray(value.immediateValue.tensor.floats.values, np.float32))
    return found


def test_structure_and_weights_are_those_of_the_source(network: Model, exported: Model) -> None:
    from coremltools.models.utils import load_spec

    description = load_spec(str(exported.path / PACKAGE)).description
    assert [item.name for item in description.output] == ["logits"]
    assert list(description.input[0].type.multiArrayType.shape) == [1, 4]
    packed = sorted(tuple(np.sort(array).tolist()) for array in weights(exported.path / PACKAGE) if array.size > 1)
    state = lookup.task(network.task).network(network).state_dict()
    source = sorted(tuple(np.sort(tensor.numpy().ravel()).tolist()) for tensor in state.values())
    assert [values for values in packed if values in source] == source


def test_nothing_of_the_machine_or_the_day_is_in_it(exported: Model) -> None:
    text = b"".join((exported.path / name).read_bytes() for name in exported.files)
    assert b"conversion_date" not in text
    assert str(Path.home()).encode() not in text


@pytest.mark.skipif(sys.platform == "darwin", reason="there it opens")
def test_it_cannot_be_opened_here(exported: Model) -> None:
    with pytest.raises(InputError, match="Apple's systems only") as error:
        RUNTIME.open(exported)
    assert "evaluate the model before its export" in error.value.fix


@pytest.mark.skipif(sys.platform != "darwin", reason="Core ML runs on macOS only")
def test_the_contract(exported: Model) -> None:
    check_runtime(exported)


def test_a_converted_model_is_not_converted_again(exported: Model, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be exported again"):
        RUNTIME.build(exported, tmp_path)
