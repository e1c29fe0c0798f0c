"""OpenVINO's files, ``model.xml`` and ``model.bin``: written the same every time, judged before they are opened.

The format is the intermediate representation (IR) of versions 10 and 11. Knows the two files, not how they are run.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from modelyard.core.errors import InputError
from modelyard.core.model import Model

GRAPH_FILE, WEIGHTS_FILE = "model.xml", "model.bin"
STATEFUL = ("Assign", "ReadValue")
"""Operators that remember something between two calls; a session may not."""
TRACES = ("fused_names", "old_api_map_order", "old_api_map_element_type")
"""Notes on a layer that tell where it came from; they hold names counted through a whole process."""

_OPSET = re.compile(r"opset[0-9]{1,2}")
_NUMBERS = re.compile(r"boolean|bf16|u1|f8e4m3|f8e5m2|nf4|f4e2m1|[fiu](2|3|4|6|8|16|32|64)")


def write(graph: Any, out: Path, *, halve: bool) -> None:
    """Write an ``openvino.Model`` without versions, paths and names that differ from run to run.

    Args:
        graph: the model; its inputs and outputs bear the names that the task knows.
        out: the folder that gets the two files.
        halve: store weights in float16; they are widened when the model is opened.
    """
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        openvino.save_model(graph, Path(folder) / GRAPH_FILE, compress_to_fp16=halve)
        root = ElementTree.parse(Path(folder) / GRAPH_FILE).getroot()
        shutil.move(Path(folder) / WEIGHTS_FILE, out / WEIGHTS_FILE)
    root.set("name", "modelyard")
    for notes in root.findall("rt_info"):
        root.remove(notes)
    for layer in root.iter("layer"):
        if layer.get("type") not in ("Parameter", "Result"):
            layer.set("name", f"{layer.get('type')} {layer.get('id')}")
        for notes in layer.iter("rt_info"):
            for note in [note for note in notes if note.get("name") in TRACES]:
                notes.remove(note)
    (out / GRAPH_FILE).write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def check(model: Model) -> None:
    """Judge the files of a model before OpenVINO opens them.

    Raises:
        InputError: a file is missing, is not of this format, leads outside the model (entities, paths, weights
            beyond the end of the file), needs an extension, or keeps state from call to call.
    """
    for name in (GRAPH_FILE, WEIGHTS_FILE):
        if not (model.path / name).is_file():
            raise InputError(f"the model has no {name}", expected="a model of the runtime openvino")
    data = (model.path / GRAPH_FILE).read_bytes()
    for word in (b"<!", b"weights_path", b"WeightlessCache"):
        if word in data:
            raise _refusal(f"holds {word.decode()!r}, which may lead to other files")
    try:
        data.decode("utf-8")
        root = ElementTree.fromstring(data)
    except (UnicodeDecodeError, ElementTree.ParseError):
        raise _refusal("is no XML in UTF-8") from None
    if root.tag != "net" or root.get("version") not in ("10", "11"):
        raise _refusal("is no network of OpenVINO's format 10 or 11")
    if root.find(".//pre-process") is not None:
        raise _refusal("holds preprocessing of an older format")
    if not {"Parameter", "Result"} <= {layer.get("type") for layer in root.iter("layer")}:
        raise _refusal("has no input or no output")
    weights_size = (model.path / WEIGHTS_FILE).stat().st_size
    for layer in root.iter("layer"):
        _check_layer(layer, weights_size)


def _check_layer(layer: ElementTree.Element, weights_size: int) -> None:
    kind, opset = layer.get("type", ""), layer.get("version", "")
    if not _OPSET.fullmatch(opset):
        raise _refusal(f"needs an extension for {kind!r} ({opset!r})")
    if kind in STATEFUL:
        raise _refusal(f"keeps state between calls ({kind})")
    if kind != "Const":
        return
    found = layer.find("data")
    attributes = {} if found is None else found.attrib
    if not _NUMBERS.fullmatch(attributes.get("element_type", "")):
        raise _refusal(f"holds a constant of the type {attributes.get('element_type')!r}")
    try:
        offset, size = int(attributes["offset"]), int(attributes["size"])
    except (KeyError, ValueError):
        raise _refusal("holds a constant without offset and size") from None
    if offset < 0 or size < 0 or offset + size > weights_size:
        raise _refusal(f"takes a constant from beyond the end of {WEIGHTS_FILE}")


def _refusal(what: str) -> InputError:
    return InputError(f"{GRAPH_FILE} {what}", expected="a network of OpenVINO's own operators with its weights beside")
