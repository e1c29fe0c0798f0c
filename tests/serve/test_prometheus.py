"""A real Prometheus scrapes a server and evaluates the rules that were written for it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.core.requirement import Requirement
from modelyard.serve.alert_rules import write_rules
from tests.serve.conftest import infer_body, until

REQUESTS = 'sum(modelyard_request_duration_seconds_count{model="sms",status="200"})'


@pytest.fixture
def prometheus(client: httpx.Client, tmp_path: Path) -> Iterator[httpx.Client]:
    """Scrapes the server once a second."""
    rules = write_rules("sms", "sms:1", [Requirement("error_rate", "at_most", 0.01)])
    (tmp_path / "rules.yml").write_text(rules)
    target = f"{client.base_url.host}:{client.base_url.port}"
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "modelyard", "static_configs": [{"targets": [target]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    files = [f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(["prometheus", *files, f"--web.listen-address={place}"], stderr=log)
        try:
            with httpx.Client(base_url=f"http://{place}") as asking:
                yield asking
        finally:
            process.terminate()
            process.wait(30)


def found(prometheus: httpx.Client, path: str, **query: str) -> Any:
    """What it answers; nothing as long as it is not there."""
    try:
        return prometheus.get(f"/api/v1/{path}", params=query).json()["data"]
    except (httpx.TransportError, ValueError, KeyError):
        return {}


def value(prometheus: httpx.Client, query: str) -> float:
    result = found(prometheus, "query", query=query).get("result")
    return float(result[0]["value"][1]) if result else 0.0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not there: apt install prometheus")
def test_prometheus_reads_the_metrics_and_takes_the_rules(client: httpx.Client, prometheus: httpx.Client) -> None:
    for _ in range(7):
        assert client.post("/v2/models/sms/infer", json=infer_body("hello")).status_code == 200
    until(lambda: value(prometheus, 'up{job="modelyard"}') == 1)
    until(lambda: value(prometheus, REQUESTS) >= 7)
    until(lambda: bool(found(prometheus, "rules").get("groups")))
    (group,) = found(prometheus, "rules")["groups"]
    until(lambda: all(rule["health"] == "ok" for rule in found(prometheus, "rules")["groups"][0]["rules"]))
    assert "ModelyardErrors" in {rule["name"] for rule in group["rules"]}
