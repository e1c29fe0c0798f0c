"""How worker processes open models in these tests: behind a gate, or with texts that make them fail."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.errors import InputError
from modelyard.core.predictor import Predictor
from modelyard.core.runtime import Arrays, Session, TokenEngine
from modelyard.core.task import Prediction
from modelyard.core.transform import Row
from modelyard.serve.opening import open_predictor

GATE = "MODELYARD_TEST_GATE"
"""Environment variable with the folder of a gate's two pipes."""
RUNNING, LET = "running", "let"


class GatedSession:
    """A session that tells when it runs and goes on only when it is let; the answers are the inner session's."""

    def __init__(self, inner: Session, folder: Path) -> None:
        self._inner = inner
        self._running, self._let = (os.open(folder / name, os.O_RDWR) for name in (RUNNING, LET))

    @property
    def input_names(self) -> tuple[str, ...]:
        return self._inner.input_names

    @property
    def output_names(self) -> tuple[str, ...]:
        return self._inner.output_names

    def run(self, arrays: Arrays) -> Arrays:
        os.write(self._running, b"%d\n" % len(next(iter(arrays.values()))))
        os.read(self._let, 1)
        return self._inner.run(arrays)

    def close(self) -> None:
        self._inner.close()


def open_gated(job: Mapping[str, Any]) -> Predictor:
    predictor = open_predictor(job)
    predictor.session = GatedSession(predictor.session, Path(os.environ[GATE]))
    return predictor


class Panic(BaseException):
    """As Rust's panics arrive: no Exception."""


class NoNumbers(GatedSession):
    """A session whose outputs are no numbers."""

    def __init__(self, inner: Session) -> None:
        self._inner = inner

    def run(self, arrays: Arrays) -> Arrays:
        return {name: np.full_like(np.asarray(value), np.nan) for name, value in self._inner.run(arrays).items()}


class FaultyPredictor(Predictor):
    """Does what some texts say, and answers the others."""

    def predict(self, rows: Sequence[Row], **options: Any) -> list[Prediction]:
        texts = [row["text"] for row in rows]
        if "end the worker" in texts:
            os.kill(os.getpid(), signal.SIGKILL)
        if "hang" in texts:
            signal.pause()
        if "fail" in texts:
            raise RuntimeError("private text in /a/secret/path")
        if "panic" in texts:
            raise Panic
        if "no numbers" in texts:
            inner, self.session = self.session, NoNumbers(self.session)
            try:
                return super().predict(rows, **options)
            finally:
                self.session = inner
        return super().predict(rows, **options)


def open_faulty(job: Mapping[str, Any]) -> Predictor:
    predictor = open_predictor(job)
    predictor.__class__ = FaultyPredictor
    return predictor


class CoresPredictor(Predictor):
    """Tells on how many cores it answers; what takes one of them 4 ms takes two 2 ms."""

    cores = 1

    def predict(self, rows: Sequence[Row], **options: Any) -> list[Prediction]:
        signal.sigtimedwait([], 0.004 / self.cores)
        return [{**answer, "cores": self.cores} for answer in super().predict(rows, **options)]


def open_cores(job: Mapping[str, Any]) -> Predictor:
    predictor = CoresPredictor(open_predictor(job).model, threads=job["threads"])
    predictor.cores = job["threads"]
    return predictor


def open_for_one_core(job: Mapping[str, Any]) -> Predictor:
    if job["threads"] > 1:
        raise InputError("no memory for more")
    return open_cores(job)


class NoEngine(GatedSession):
    """A session of a runtime that writes by itself, and has not the memory for it."""

    def __init__(self, inner: Session) -> None:
        self._inner = inner

    def open_engine(self, slots: int, tokens: int) -> TokenEngine:
        raise InputError(f"no memory for {tokens} tokens", fix="serve with a smaller --cache-limit")


def open_without_engine(job: Mapping[str, Any]) -> Predictor:
    predictor = open_predictor(job)
    predictor.session = NoEngine(predictor.session)
    return predictor


def fail_to_open(job: Mapping[str, Any]) -> Predictor:
    os._exit(3)


STRANGE = 17.5
"""An age that no row of the table has: what goes wrong with it, no evaluation has seen."""
SLOWNESS = 0.15


class SlowPredictor(Predictor):
    """Takes long over rows that are strange to it."""

    def predict(self, rows: Sequence[Row], **options: Any) -> list[Prediction]:
        if any(row["features"]["age"] == STRANGE for row in rows):
            signal.sigtimedwait([], SLOWNESS)
        return super().predict(rows, **options)


class FailingPredictor(Predictor):
    """Fails over rows that are strange to it."""

    def predict(self, rows: Sequence[Row], **options: Any) -> list[Prediction]:
        if any(row["features"]["age"] == STRANGE for row in rows):
            raise RuntimeError("it worked on the rows that I knew")
        return super().predict(rows, **options)


def open_failing(job: Mapping[str, Any]) -> Predictor:
    return FailingPredictor(open_predictor(job).model, threads=1)


def open_slow(job: Mapping[str, Any]) -> Predictor:
    return SlowPredictor(open_predictor(job).model, threads=1)
