"""Promotions while requests come in: no request fails, none is answered by another version than it names, and a
version that is unfit never answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from modelyard.core.signing import new_signer
from modelyard.serve.following import Following, open_version
from modelyard.serve.hosting import Hosted
from modelyard.yard.yard import Yard
from tests.serve.conftest import Serve
from tests.serve.releases import NAME, Load, Maker, ask, until


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    folder = tmp_path_factory.mktemp("swap")
    maker = Maker(Yard(folder / "yard"), _new(folder / "work"))
    for l2 in (0.1, 10.0, 1000.0):
        maker.good(l2)
    return maker


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


@contextmanager
def followed(serve: Serve, maker: Maker) -> Iterator[httpx.Client]:
    """A server of version 1 that follows production."""
    maker.yard.promote(f"{NAME}:1", force=True)
    version = maker.yard.resolve(NAME)
    hosted: Hosted = open_version(maker.yard, version, workers=2, memory_limit=None)
    following = Following(maker.yard, [NAME], workers=2, seconds=0.02)
    with hosted.source, serve(hosted, companion=following.run) as client:
        yield client


def test_promotions_and_rollbacks_under_load(serve: Serve, maker: Maker) -> None:
    with followed(serve, maker) as client, Load(client) as load:
        for number in ("2", "3", "1"):
            maker.yard.promote(f"{NAME}:{number}", force=True)
            until(client, lambda version, number=number: version == number)  # type: ignore[misc]
        maker.yard.rollback(NAME)
        until(client, lambda version: version == "3")
    assert {status for status, _, _, _ in load.answers} == {200}
    assert {version for _, version, _, _ in load.answers} == {"1", "2", "3"}
    for _, version, header, scores in load.answers:
        assert header == f"{NAME}:{version}"
        assert scores == pytest.approx(maker.answers[version], abs=1e-6)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (Maker.damaged, "digest"),
        (Maker.of_other_classes, "knows no class 'n'"),
        (Maker.unlike_its_proof, "of the split test"),
    ],
)
def test_an_unfit_version_never_answers(
    serve: Serve, maker: Maker, make: Callable[[Maker], str], problem: str, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = make(maker)
    with followed(serve, maker) as client:
        maker.yard.promote(f"{NAME}:{bad}", force=True)
        answered = until(client, lambda _: maker.yard.history(NAME)[-1].action == "swap") | {ask(client)[1]}
        event = maker.yard.history(NAME)[-1]
        assert (event.details["to"], event.details["outcome"]) == (int(bad), "unfit")
        assert problem in event.details["problem"]
        assert answered == {"1"}
        assert client.get("/v2/health/ready").status_code == 200
        assert f'modelyard_swaps_total{{model="{NAME}",outcome="unfit"}} 1.0' in client.get("/metrics").text
        maker.yard.promote(f"{NAME}:2", force=True)
        until(client, lambda version: version == "2")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if '"swap"' in line]
    assert [(line["log.level"], line["event.outcome"], line["labels.version"]) for line in lines] == [
        ("error", "failure", bad),
        ("info", "success", "2"),
    ]
    assert problem in lines[0]["error.message"]
    assert lines[0]["labels.from"] == "1"


def test_a_number_stays_and_a_build_changes_nothing(serve: Serve, maker: Maker) -> None:
    assert not Following(maker.yard, [f"{NAME}:1"])._followed
    with followed(serve, maker) as client:
        maker.good(5.0)
        for _ in range(50):
            assert ask(client)[1] == "1"


def test_a_version_that_must_be_signed_and_is_not_never_answers(serve: Serve, maker: Maker, tmp_path: Path) -> None:
    signing, signer = maker.yard.signing, new_signer(tmp_path / "key")
    signing.trust(signer.public, label="release desk")
    signing.require(True)
    try:
        with followed(serve, maker) as client:
            maker.yard.promote(f"{NAME}:2", force=True)
            answered = until(client, lambda _: maker.yard.history(NAME)[-1].action == "swap") | {ask(client)[1]}
            assert answered == {"1"}
            assert "no signature that counts" in maker.yard.history(NAME)[-1].details["problem"]
            signing.sign(maker.yard.resolve(f"{NAME}:3"), signer)
            maker.yard.promote(f"{NAME}:3", force=True)
            until(client, lambda version: version == "3")
    finally:
        signing.require(False)
