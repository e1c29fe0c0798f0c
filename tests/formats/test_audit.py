"""Planted files of every kind are named, nothing planted is carried out, and sound models give no finding."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from modelyard.cli.main import main
from modelyard.formats.audit import Severity, audit
from modelyard.testing.tiny import write_causal, write_encoder

EVIL = b"cos\nsystem\n(S'touch planted'\ntR."
"""Protocol 0, without a signature: calls ``os.system``."""
STACKED = b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x8c\x0dtouch planted\x85R."
HIDDEN = b"\x80\x04\x8c\x05posix\x8c\x06system\x8c\x01x0\x93."
"""The names are put where the top of the stack cannot be told without running it."""


def packed(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return file.getvalue()


def tarred(name: str, data: bytes, *, link: str = "") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        item = tarfile.TarInfo(name)
        item.size = 0 if link else len(data)
        if link:
            item.type, item.linkname = tarfile.SYMTYPE, link
        archive.addfile(item, None if link else io.BytesIO(data))
    return file.getvalue()


def keras(layer: dict[str, object]) -> bytes:
    config = {"class_name": "Sequential", "module": "keras", "config": {"layers": [layer]}}
    return packed(**{"config.json": json.dumps(config).encode(), "metadata.json": b"{}"})


def graph(**changes: str) -> bytes:
    """An addition; ``location`` sends its weights elsewhere, ``domain`` makes the operator a custom one."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    if "location" in changes:
        weights.ClearField("float_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=changes["location"])
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    node = helper.make_node("Add", ["x", "w"], ["y"], domain=changes.get("domain", ""))
    made = helper.make_graph([node], "g", value[:1], value[1:], [weights])
    return bytes(helper.make_model(made).SerializeToString())


def gguf(template: str) -> bytes:
    from gguf import GGUFWriter

    path = Path("template.gguf")
    writer = GGUFWriter(path, "llama")
    writer.add_chat_template(template)
    writer.add_tensor("t", np.zeros(32, np.float32))
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    data = path.read_bytes()
    path.unlink()
    return data


def hdf5(kind: str) -> bytes:
    h5py = pytest.importorskip("h5py")
    file = io.BytesIO()
    with h5py.File(file, "w") as store:
        layer = {"class_name": kind, "config": {"name": "l"}}
        store.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}})
    return file.getvalue()


def objects() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return file.getvalue()


def checkpoint(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


REACHING = "{{ ''.__class__.__mro__ }}"
TOKEN = "ghp_" + "a1" * 18

PLANTED: dict[str, tuple[str, Callable[[], bytes], str, str]] = {
    "protocol 0": ("weights.bin", lambda: EVIL, "critical", "os.system"),
    "stacked names": ("model.pt", lambda: STACKED, "critical", "posix.system"),
    "hidden names": ("model.pt", lambda: HIDDEN, "high", "put together while it runs"),
    "another suffix": ("vocab.txt", lambda: EVIL, "critical", "os.system"),
    "called safetensors": ("model.safetensors", lambda: STACKED, "critical", "posix.system"),
    "cut off": ("model.pkl", lambda: pickle.dumps([1, 2, 3])[:-1], "high", "cannot be followed"),
    "broken after the call": ("model.pkl", lambda: EVIL[:-1] + b"\xff", "critical", "os.system"),
    "second pickle": ("model.pkl", lambda: pickle.dumps({}) + EVIL, "critical", "os.system"),
    "a class of sklearn": ("m.pkl", lambda: b"\x80\x03csklearn.svm\nSVC\n)\x81.", "high", "sklearn.svm.SVC"),
    "plain values": ("values.pkl", lambda: pickle.dumps({"a": [1.0]}), "low", "plain values"),
    "torch archive": ("model.pt", lambda: packed(**{"archive__data.pkl": EVIL}), "critical", "os.system"),
    "torch tensors": ("model.pt", lambda: checkpoint({"a": torch.ones(2)}), "low", "plain values and tensors"),
    "legacy torch tensors": (
        "model.pt",
        lambda: saved_before_zip({"a": torch.full((600,), -0.3)}),
        "low",
        "plain values and tensors",
    ),
    "tar": ("model.tar", lambda: tarred("a/data.pkl", EVIL), "critical", "os.system"),
    "tar in gzip": ("model.tar.gz", lambda: gzip.compress(tarred("data.pkl", EVIL)), "critical", "os.system"),
    "tar that climbs": ("model.tar", lambda: tarred("../x.txt", b"x"), "critical", "outside the folder"),
    "tar with a link": ("model.tar", lambda: tarred("x", b"", link="/etc/passwd"), "high", "a link or a device"),
    "zip in zip": ("a.zip", lambda: packed(inner=packed(**{"data.pkl": EVIL})), "critical", "os.system"),
    "broken zip": ("a.zip", lambda: packed(a=b"x" * 99)[:60], "high", "cannot be read"),
    "7z": ("a.7z", lambda: b"7z\xbc\xaf\x27\x1c" + bytes(64), "medium", "not looked into"),
    "joblib in zlib": ("m.joblib", lambda: gzip.zlib.compress(EVIL), "critical", "os.system"),  # type: ignore[attr-defined]
    "objects of NumPy": ("a.npy", objects, "high", "a pickle behind its header"),
    "objects in npz": ("a.npz", lambda: packed(**{"a.npy": objects()}), "high", "a pickle behind its header"),
    "Lambda in .keras": ("m.keras", lambda: keras({"class_name": "Lambda", "config": {}}), "critical", "Lambda"),
    "foreign layer in .keras": (
        "m.keras",
        lambda: keras({"class_name": "Evil", "module": "my_code", "config": {}}),
        "high",
        "my_code.Evil",
    ),
    "registered layer": (
        "m.keras",
        lambda: keras({"class_name": "Evil", "module": None, "registered_name": "pack>Evil", "config": {}}),
        "high",
        "pack>Evil",
    ),
    "Lambda in HDF5": ("m.h5", lambda: hdf5("Lambda"), "critical", "Lambda"),
    "SavedModel": ("saved_model.pb", lambda: b"\x0a\x02id\x12\x06PyFunc\x1a", "critical", "PyFunc"),
    "ONNX data elsewhere": ("m.onnx", lambda: graph(location="../../etc/shadow"), "critical", "outside its folder"),
    "ONNX data missing": ("m.onnx", lambda: graph(location="weights.bin"), "medium", "missing"),
    "ONNX custom operator": ("m.onnx", lambda: graph(domain="evil.ops"), "high", "evil.ops.Add"),
    "no ONNX": ("m.onnx", lambda: b"\xff\xff\xff", "high", "no ONNX model"),
    "template file": ("chat_template.jinja", lambda: REACHING.encode(), "critical", "__class__"),
    "template in the tokenizer": (
        "tokenizer_config.json",
        lambda: json.dumps({"chat_template": [{"name": "tool", "template": REACHING}]}).encode(),
        "critical",
        "__mro__",
    ),
    "template that puts a name together": (
        "chat_template.jinja",
        lambda: b"{{ messages['__cl' ~ 'ass__'] }}",
        "critical",
        "reaches for",
    ),
    "template with attr": ("chat_template.jinja", lambda: b"{{ x | attr(name) }}", "critical", "computes"),
    "template that includes": ("chat_template.jinja", lambda: b"{% include 'x' %}", "critical", "another template"),
    "template in GGUF": ("m.gguf", lambda: gguf(REACHING), "critical", "__class__"),
    "unsound GGUF": ("m.gguf", lambda: b"GGUF" + bytes(4), "high", "GGUF"),
    "giant header": ("m.safetensors", lambda: (1 << 40).to_bytes(8, "little") + b"{}", "high", "header of"),
    "remote code": ("config.json", lambda: b'{"auto_map": {"AutoModel": "m.Evil"}}', "high", "auto_map"),
    "foreign module": ("modules.json", lambda: b'[{"type": "evil.Module"}]', "high", "evil.Module"),
    "Python": ("modeling.py", lambda: b"import os\n", "medium", "program code"),
    "ELF": ("libx.so", lambda: b"\x7fELF" + bytes(60), "high", "Linux"),
    "script": ("setup", lambda: b"#!/bin/sh\n", "high", "a script"),
    "token": ("README.md", lambda: f"line\nuse {TOKEN}\n".encode(), "high", "line 2: a token of GitHub"),
    "private key": ("key.pem", lambda: b"-----BEGIN RSA PRIVATE KEY-----\n", "high", "a private key"),
}


def saved_before_zip(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


@pytest.mark.parametrize("kind", PLANTED)
def test_what_is_planted_is_named(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name, make, severity, words = PLANTED[kind]
    data = make()
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / name).write_bytes(data)
    found = audit(folder)
    worst = found.findings[0]
    assert (worst.severity.word, worst.file.split("!")[0]) == (severity, name), found.findings
    assert any(words in finding.what for finding in found.findings)
    assert worst.expected
    assert worst.fix
    assert TOKEN not in json.dumps(found.to_json())
    assert not list(tmp_path.rglob("planted")), "something was carried out"


def test_links_and_special_files_are_named_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(EVIL)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "vocab.txt").write_text("plain")
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "in").symlink_to("vocab.txt")
    (folder / "folder").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(folder / "pipe")
    found = {item.file: item.severity for item in audit(folder).findings}
    high = Severity.HIGH
    assert found == {"out": high, "folder": high, "pipe": high, "in": Severity.LOW}


@pytest.mark.parametrize("write", [write_encoder, write_causal])
def test_a_sound_model_gives_no_finding(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    folder = write(tmp_path / "model")
    (folder / "model.onnx").write_bytes(graph(location="weights.bin"))
    (folder / "weights.bin").write_bytes(np.full(64, -0.25, np.float32).tobytes())
    np.save(folder / "mean.npy", np.zeros(3))
    (folder / "README.md").write_text(
        "---\nlicense: apache-2.0\n---\nAsk someone@example.com or https://a.example/b@c\n"
    )
    found = audit(folder)
    assert found.findings == ()
    assert found.severity == 0
    assert found.licences == {"README.md": "apache-2.0"}


@pytest.mark.parametrize(
    ("card", "told", "words"),
    [
        ("mit", {"base": "cc-by-nc-4.0"}, "no commercial use"),
        ("apache-2.0", {"data": "cc-by-sa-4.0"}, "asks for the same licence"),
        ("cc-by-nc-nd-4.0", {}, "nothing that is derived"),
        ("gpl-2.0", {"release": "mit"}, "asks for the same licence"),
        ("mit", {"base": "llama3.1"}, "must be read"),
    ],
)
def test_licences_that_conflict(tmp_path: Path, card: str, told: dict[str, str], words: str) -> None:
    (tmp_path / "README.md").write_text(f"---\nlicense: {card}\n---\n")
    (finding,) = audit(tmp_path, told).findings
    assert words in finding.what
    assert finding.severity is Severity.MEDIUM


@pytest.mark.parametrize(
    ("card", "told"),
    [
        ("cc-by-nc-4.0", {"release": "cc-by-nc-4.0"}),
        ("gpl-3.0", {"release": "gpl-3.0-only"}),
        ("mit", {"base": "apache-2.0", "data": "cc-by-4.0", "release": "mit"}),
        ("", {}),
    ],
)
def test_licences_that_agree(tmp_path: Path, card: str, told: dict[str, str]) -> None:
    (tmp_path / "README.md").write_text(f"---\nlicense: {card}\n---\n")
    assert audit(tmp_path, told).findings == ()


def test_a_text_and_a_card_that_differ(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    (tmp_path / "LICENSE.txt").write_text("GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007\n")
    found = audit(tmp_path)
    assert found.licences == {"LICENSE.txt": "gpl-3.0", "README.md": "mit"}
    assert "different licences: gpl-3.0, mit" in " ".join(item.what for item in found.findings)


def test_the_command_speaks_by_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "values.pkl").write_bytes(pickle.dumps([1]))
    assert main(["scan", str(tmp_path)]) == 0
    assert main(["scan", str(tmp_path), "--fail-at", "low"]) == 1
    (tmp_path / "model.bin").write_bytes(EVIL)
    capsys.readouterr()
    assert main(["scan", str(tmp_path), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["severity"] == "critical"
    assert [item["file"] for item in told["findings"]] == ["model.bin", "values.pkl"]
    assert main(["scan", str(tmp_path / "model.bin")]) == 1
    assert main(["scan", str(tmp_path / "nothing")]) == 2
    assert main(["scan", str(tmp_path), "--licences", "{base: [1]}"]) == 2


def test_onnx_functions_inside_the_file_are_no_custom_operators(tmp_path: Path) -> None:
    model = onnx.load_from_string(graph(domain="own"))
    opsets = [helper.make_opsetid("", 18)]
    body = helper.make_node("Add", ["a", "b"], ["c"])
    model.functions.append(helper.make_function("own", "Add", ["a", "b"], ["c"], [body], opsets))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    assert audit(tmp_path).findings == ()
