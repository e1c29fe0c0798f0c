"""The same release on Ray Serve: the same answers and keys, more replicas under load, and no damaged release."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from modelyard.cli.main import main
from modelyard.core.access import Role
from modelyard.serve.ray_serve import APPLICATION, Served, serving
from modelyard.yard.yard import Yard
from tests.extras import needs
from tests.serve.conftest import until
from tests.serve.releases import NAME, Maker, ask

pytestmark = needs("ray", "ray")


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    (tmp_path / "work").mkdir()
    return Maker(Yard(tmp_path / "yard"), tmp_path / "work")


@pytest.mark.slow
def test_replicas_answer_as_one_server_does_and_grow_with_the_load(maker: Maker) -> None:
    from ray import serve

    number = maker.good(0.1)
    _, token = maker.yard.add_key("test", Role.PREDICT)
    served = Served(maker.yard.home, [NAME], local=True)

    def replicas() -> int:
        return sum(serve.status().applications[APPLICATION].deployments[APPLICATION].replica_states.values())

    with serving(served, host="127.0.0.1", port=0, least=1, most=2) as port:
        base = f"http://127.0.0.1:{port}"
        with (
            httpx.Client(base_url=base) as nobody,
            httpx.Client(base_url=base, headers={"authorization": f"Bearer {token}"}) as client,
        ):
            assert ask(nobody)[0] == 401
            status, version, header, scores = ask(client)
            assert (status, version, header) == (200, number, f"{NAME}:{number}")
            assert scores == pytest.approx(maker.answers[number], abs=1e-9)
            assert replicas() == 1
            more = [False]

            def load() -> None:
                while not more[0]:
                    assert ask(client)[0] == 200

            with ThreadPoolExecutor(24) as pool:
                callers = [pool.submit(load) for _ in range(24)]
                try:
                    until(lambda: replicas() == 2)
                finally:
                    more[0] = True
            assert [caller.exception() for caller in callers] == [None] * 24


def test_a_damaged_release_is_refused_before_ray_starts(
    maker: Maker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODELYARD_HOME", str(maker.yard.home))
    number = maker.damaged()
    assert main(["serve", f"{NAME}:{number}", "--engine", "ray", "--port", "0"]) != 0
    assert "model.onnx" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--least-workers", "2"], "goes with --engine ray"),
        (["--engine", "ray", "--grpc-port", "0"], "does not go with"),
        (["--engine", "ray", "--tls-cert", "a.pem"], "--tls-cert does not go with"),
        (["--engine", "ray", "--least-workers", "3", "--workers", "2"], "from 1 to what --workers says"),
    ],
)
def test_options_that_do_not_go_together(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", NAME, *options]) == 2
    assert words in capsys.readouterr().err
