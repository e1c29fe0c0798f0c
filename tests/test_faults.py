"""Every promise of ``docs/design/faults.md`` is held by tests that are there, and nothing reads a pickle."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
SOURCES = TESTS.parent / "src" / "modelyard"
TABLE = TESTS.parent / "docs" / "design" / "faults.md"
LINES = 37
READERS = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "multiprocessing"}


def test_every_line_names_tests_that_are_there() -> None:
    rows = {int(row[1]): row[2] for row in re.finditer(r"^\| (\d+) \| (.*) \|$", TABLE.read_text(), re.MULTILINE)}
    assert sorted(rows) == list(range(1, LINES + 1))
    known: dict[str, set[str]] = {}
    for number, text in rows.items():
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", text)
        assert named, f"line {number} names no test"
        for file, name in named:
            if file not in known:
                tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
                known[file] = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            assert name in known[file], f"line {number}: {file} has no {name}"


def test_nothing_reads_a_pickle() -> None:
    """One file may: it reads checkpoints that were judged before, and only for the error that torch raises."""
    found = {}
    for file in SOURCES.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        imported = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        imported |= {(node.module or "").split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}
        loads = {
            f"{node.value.id}.{node.attr}"
            for node in nodes
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in ("load", "loads")
        }
        used = (imported & READERS) | (loads & {"torch.load", "pickle.load", "pickle.loads", "np.load"})
        if used:
            found[file.relative_to(SOURCES).as_posix()] = used
    assert found == {"formats/torch_file.py": {"pickle", "torch.load"}}
    assert "weights_only=True" in (SOURCES / "formats" / "torch_file.py").read_text()
