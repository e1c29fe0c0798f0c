"""Writes a chain of dense layers as an hls4ml project: C++ sources, weights and scripts for the vendor's tools."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.errors import MissingExtraError
from modelyard.formats.dense_chain import Dense

NAME = "network"
INPUT = "features"
FOLDER = "hls"
"""Folder of the project in the model."""
_SCRAP = ("build_lib.sh", "hls4ml_config.yml")
"""Hold paths of this machine or numbers that change at every run."""


def write(chain: Sequence[Dense], out: Path, *, precision: str, reuse_factor: int, part: str, clock_ns: float) -> None:
    """Write the project to ``out``.

    Args:
        precision: ``ap_fixed<BITS,INTEGER>`` of every number.
        reuse_factor: multiplications that one multiplier of the circuit does.
        part: of the FPGA.
        clock_ns: period of its clock in nanoseconds.

    Raises:
        MissingExtraError: hls4ml is not installed.
    """
    # Its log speaks to the screen.
    logging.getLogger("hls4ml").setLevel(logging.ERROR)
    try:
        from hls4ml.model.graph import ModelGraph
    except ImportError:
        raise MissingExtraError("hls4ml", "hls4ml") from None
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        settings = {
            "Backend": "Vivado",
            "ProjectName": NAME,
            "OutputDir": folder,
            "Part": part,
            "ClockPeriod": clock_ns,
            "ClockUncertainty": "12.5%",
            "IOType": "io_parallel",
            "HLSConfig": {
                "Model": {"Precision": precision, "ReuseFactor": reuse_factor, "Strategy": "Resource"},
            },
            "WriterOptions": {"WriteTar": False},
        }
        ModelGraph.from_layer_list(settings, _layers(chain)).write()
        for name in _SCRAP:
            (Path(folder) / name).unlink(missing_ok=True)
        shutil.copytree(folder, out)


def _layers(chain: Sequence[Dense]) -> list[dict[str, Any]]:
    layers: list[dict[str, Any]] = [
        {"class_name": "InputLayer", "name": INPUT, "input_shape": [int(chain[0].weight.shape[0])]}
    ]
    for number, dense in enumerate(chain):
        taken, given = (int(size) for size in dense.weight.shape)
        layers.append(
            {
                "class_name": "Dense",
                "name": f"dense_{number}",
                "n_in": taken,
                "n_out": given,
                "weight_data": dense.weight.astype(np.float32),
                "bias_data": dense.bias.astype(np.float32),
                "use_bias": True,
                "inputs": [layers[-1]["name"]],
            }
        )
        if dense.activation != "linear":
            name, before = f"{dense.activation}_{number}", layers[-1]["name"]
            activation = {"class_name": "Activation", "activation": dense.activation, "n_in": given}
            layers.append({**activation, "name": name, "inputs": [before]})
    return layers
