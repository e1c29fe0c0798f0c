"""Rules out of requirements: Prometheus' own tool accepts them, and they fire when they should and only then."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelyard.cli.main import main
from modelyard.core.requirement import Requirement
from modelyard.methods.intervals import wilson
from modelyard.serve.alert_rules import make_rules, write_rules
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.yard.yard import Yard
from tests.serve.conftest import Serve, infer_body
from tests.serve.releases import NAME, Maker

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not there: apt install prometheus"
)
PROMISED = [
    Requirement("latency_p95_ms", "at_most", 20.0),
    Requirement("error_rate", "at_most", 0.1),
    Requirement("accuracy", "at_least", 0.9),
]
ROUTE = "/v2/models/{model}/infer"


def promtool(*words: str, given: bytes = b"") -> str:
    done = subprocess.run(["promtool", *words], input=given, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout.decode() + done.stderr.decode()


def traffic(fast: int = 0, slow: int = 0, failed: int = 0, model: str = NAME) -> dict[str, str]:
    """Series of so many requests a minute: of up to 10 ms, of 20 to 50 ms, and those that fail."""
    found = {}
    for status, counts in (("200", (fast, fast, fast + slow)), ("503", (failed, failed, failed))):
        labels = f'model="{model}",version="3",route="{ROUTE}",status="{status}"'
        for le, count in zip(("0.01", "0.02", "0.05"), counts, strict=True):
            found[f'modelyard_request_duration_seconds_bucket{{{labels},le="{le}"}}'] = f"0+{count}x60"
        found[f'modelyard_request_duration_seconds_bucket{{{labels},le="+Inf"}}'] = f"0+{counts[-1]}x60"
        found[f"modelyard_request_duration_seconds_count{{{labels}}}"] = f"0+{counts[-1]}x60"
    return found


SERVED = {f'modelyard_workers{{model="{NAME}",version="3"}}': "2x60"}


@needs_promtool
@pytest.mark.parametrize(
    ("series", "firing"),
    [
        (SERVED | traffic(fast=200), []),
        (SERVED | traffic(fast=195, slow=5), []),
        (SERVED | traffic(fast=150, slow=50), ["ModelyardLatencyP95"]),
        # Too few to say: 19 in five minutes.
        (SERVED | traffic(slow=4), []),
        (SERVED | traffic(fast=80, failed=20), ["ModelyardErrors"]),
        # 15 of 100 in five minutes may as well be a tenth; of 1000, not.
        (SERVED | traffic(fast=17, failed=3), []),
        (SERVED | traffic(fast=170, failed=30), ["ModelyardErrors"]),
        (SERVED, ["ModelyardNoTraffic"]),
        (SERVED | traffic(fast=200, model="another"), ["ModelyardNoTraffic"]),
        ({}, ["ModelyardAbsent", "ModelyardNoTraffic"]),
        ({next(iter(SERVED)): "0x60"} | traffic(fast=200), ["ModelyardNoWorkers"]),
        (
            SERVED | traffic(fast=200) | {f'modelyard_drifted{{model="{NAME}",version="3",feature="length"}}': "1x60"},
            ["ModelyardDrift"],
        ),
        (
            SERVED | traffic(fast=200) | {f'modelyard_swaps_total{{model="{NAME}",outcome="unfit"}}': "0x55 1x5"},
            ["ModelyardUnfit"],
        ),
        (
            SERVED
            | traffic(fast=200)
            | {f'modelyard_rollouts_total{{model="{NAME}",outcome="rolled back"}}': "0x55 1x5"},
            ["ModelyardRolledBack"],
        ),
    ],
)
def test_what_fires(tmp_path: Path, series: dict[str, str], firing: list[str]) -> None:
    (tmp_path / "rules.yml").write_text(write_rules(NAME, f"{NAME}:3", PROMISED))
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in firing]
    query = {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": "60m", "exp_samples": expected}
    case = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [query],
    }
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [case]}
    (tmp_path / "test.yml").write_text(json.dumps(document))
    promtool("test", "rules", str(tmp_path / "test.yml"))


@pytest.mark.parametrize(("count", "n"), [(0, 50), (3, 50), (50, 50)])
def test_the_share_of_errors_is_judged_by_wilsons_lower_end(count: int, n: int) -> None:
    (rule,) = (rule for rule in make_rules(NAME, PROMISED) if rule.get("alert") == "ModelyardErrors")
    expression = rule["expr"].rpartition(" > ")[0].replace(f'{{model="{NAME}"}}', "").replace("^", "**")
    expression = expression.replace("model_version:modelyard_request_errors:ratio5m", str(count / n))
    expression = expression.replace("model_version:modelyard_requests:increase5m", str(n))
    # It is arithmetic of our own making.
    assert eval(expression, {"sqrt": math.sqrt}) == pytest.approx(wilson(count, n, 0.95)[0], abs=1e-5)


def test_the_command_writes_the_rules_of_the_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "work").mkdir()
    maker = Maker(Yard(tmp_path / "yard"), tmp_path / "work")
    maker.good(0.1, "modelyard: 1\nrequire: {latency_p99_ms: '<= 40', accuracy: '>= 0.5'}\n")
    monkeypatch.setenv("MODELYARD_HOME", str(maker.yard.home))
    file = tmp_path / "rules.yml"
    assert main(["watch", f"{NAME}:1", "--prometheus-rules", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"rules": str(file)}
    assert f"modelyard watch {NAME}:1" in file.read_text().splitlines()[0]
    rules: list[dict[str, Any]] = yaml.safe_load(file.read_text())["groups"][0]["rules"]
    alerts = {rule["alert"]: rule for rule in rules if "alert" in rule}
    assert "> 40 " in alerts["ModelyardLatencyP99"]["expr"]
    assert alerts["ModelyardErrors"]["expr"].endswith("> 0.02")
    assert main(["watch", f"{NAME}:1", "--prometheus-rules", "-"]) == 0
    assert capsys.readouterr().out == file.read_text()
    assert main(["watch", f"{NAME}:1", "--prometheus-rules", str(tmp_path / "none" / "rules.yml")]) == 2


@needs_promtool
def test_prometheus_accepts_rules_and_metrics(tmp_path: Path, serve: Serve, opened: ForkServer) -> None:
    (tmp_path / "rules.yml").write_text(write_rules(NAME, f"{NAME}:3", PROMISED))
    assert "SUCCESS" in promtool("check", "rules", str(tmp_path / "rules.yml"))
    with serve(Hosted("sms", "1", opened)) as client:
        client.post("/v2/models/sms/infer", json=infer_body("one"))
        promtool("check", "metrics", given=client.get("/metrics").content)
