"""The plug-in of pytest, in a pytest of its own: one test a case, mistakes at collection, the model opened once."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from modelyard.sources import fetch
from modelyard.testing import check_step

SUITE = """\
suite: 1
cases:
  - name: heavy things
    rows: [{features: {weight: 90}}, {features: {weight: 70}}]
    expect: heavy
  - name: light things
    row: {features: {weight: 80}}
    expect: LIGHT
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Says ``heavy`` of what weighs more than 50."""
    pytest.importorskip("sklearn")
    file = tmp_path_factory.mktemp("table") / "table.csv"
    lines = [f"{weight},{'heavy' if weight > 50 else 'light'}" for weight in range(100)]
    file.write_text("\n".join(["weight,kind", *lines]))
    data = check_step(
        "load data", [fetch(str(file)), None, None], {"columns": {"label": "kind", "features": ["weight"]}}
    )
    return check_step("fit linear", [data], {"task": "tabular-classification"}).path


def run(folder: Path, *options: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "modelyard.pytest_plugin", "-rA", "-c", os.devnull, *options]
    environment = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "MODELYARD_HOME": str(folder / "yard"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    return subprocess.run(
        [*command, str(folder)], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    ).stdout


def test_every_case_is_a_test_of_its_own(tmp_path: Path, model: Path) -> None:
    (tmp_path / "weights.suite.yaml").write_text(SUITE.replace("LIGHT", "light"))
    (tmp_path / "broken.suite.yaml").write_text("suite: 1\ncasse: []\n")
    (tmp_path / "strange.suite.yaml").write_text(SUITE.replace("LIGHT", "lihgt"))
    printed = run(tmp_path, "--modelyard-model", str(model), "--continue-on-collection-errors")
    assert "PASSED weights.suite.yaml::heavy things" in printed
    assert "FAILED weights.suite.yaml::light things" in printed
    assert "'weight': 80" in printed
    assert "expected light" in printed
    assert "did you mean 'cases'?" in printed
    assert "did you mean 'light'?" in printed
    assert "2 errors" in printed


def test_the_entry_point_names_the_plug_in() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    (module,) = project["entry-points"]["pytest11"].values()
    assert callable(import_module(module).pytest_collect_file)
