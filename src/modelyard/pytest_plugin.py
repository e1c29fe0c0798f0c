"""A plug-in of pytest: behavioural suites as tests, one for each case.

Files called ``*.suite.yaml`` are collected. The model is the suite's own (``model: yard:sms-spam@production``) or the
one of ``--modelyard-model``; it is opened once. Loaded whenever pytest starts, so nothing heavy is imported up here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from modelyard.core.predictor import Predictor
    from modelyard.engines.behaviour import Outcome
    from modelyard.formats.suite import Case

SUFFIX = ".suite.yaml"
_OPEN = pytest.StashKey[dict[str, Any]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("modelyard", "behavioural suites of models")
    group.addoption(
        "--modelyard-model", metavar="MODEL", help="test this model, not the suites' own: a folder, or yard:name@alias"
    )
    group.addoption(
        "--modelyard-generated", action="store_true", help="add the abnormal inputs that are made for the model's task"
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    return SuiteFile.from_parent(parent, path=file_path) if file_path.name.endswith(SUFFIX) else None


def pytest_unconfigure(config: pytest.Config) -> None:
    for predictor in config.stash.get(_OPEN, {}).values():
        predictor.close()


class SuiteFile(pytest.File):
    """One suite; a mistake in it is an error of collection, and none of its cases runs."""

    def collect(self) -> Iterable[pytest.Item]:
        from modelyard.core.errors import ModelyardError

        try:
            yield from self._items()
        except ModelyardError as error:
            raise self.CollectError(str(error)) from None

    def _items(self) -> Iterator[pytest.Item]:
        from modelyard.core.errors import InputError
        from modelyard.engines import behaviour
        from modelyard.formats import suite

        read = suite.read(self.path)
        name = self.config.getoption("--modelyard-model") or read.model
        if not name:
            raise InputError(
                "the suite names no model",
                expected="model: yard:name@alias",
                fix="write it into the suite, or give --modelyard-model",
                where=str(self.path),
            )
        predictor = _predictor(self.config, name)
        generated = self.config.getoption("--modelyard-generated")
        for case in behaviour.cases_of(read, predictor, generated=generated):
            yield CaseItem.from_parent(self, name=case.name, case=case, predictor=predictor)


class CaseItem(pytest.Item):
    """One case on one model."""

    def __init__(self, *, case: Case, predictor: Predictor, **inherited: Any) -> None:
        super().__init__(**inherited)
        self.case, self.predictor = case, predictor

    def runtest(self) -> None:
        from modelyard.engines.behaviour import run_case

        outcome = run_case(self.case, self.predictor)
        if not outcome.passed:
            raise CaseFailed(outcome)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, CaseFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.case.kind}: {self.name}"


class CaseFailed(Exception):  # noqa: N818
    """What the model got wrong."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"{outcome.case.kind}, {outcome.rows} rows:\n{outcome.wording}")


def _predictor(config: pytest.Config, name: str) -> Predictor:
    """The model of this name, opened once a run."""
    from modelyard.core.model import Model
    from modelyard.core.predictor import Predictor
    from modelyard.core.step import Parameter
    from modelyard.recipes.inputs import open_input
    from modelyard.yard.yard import Yard

    opened = config.stash.setdefault(_OPEN, {})
    if name not in opened:
        model = open_input(name, Parameter("model", Model, optional=False), Yard.default())
        assert isinstance(model, Model)  # noqa: S101
        opened[name] = Predictor(model)
    return opened[name]  # type: ignore[no-any-return]
