"""Numbers, aliases, promotion and rollback, against a model of a few lists."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.release import Release
from modelyard.core.report import Measure
from modelyard.core.requirement import Requirement, Verdict
from modelyard.yard.yard import Yard

PUBLISH = """
import sys
from pathlib import Path
from modelyard.core.artifact import open_artifact
from modelyard.yard.yard import Yard

yard = Yard(Path(sys.argv[1]))
releases = [open_artifact(Path(path)) for path in sys.argv[2:]]
for turn in range(10):
    print(yard.publish(releases[turn % 2]).number)
"""


def test_version_carries_the_release(yard: Yard, publish: Callable[..., Release]) -> None:
    release = publish(accuracy=0.5)
    version = yard.resolve("sms-spam")
    assert (version.reference, version.release, version.verdict) == ("sms-spam:1", release.digest, Verdict.NOT_MET)
    assert yard.release(version) == release
    assert yard.model(version).digest == release.model_digest
    assert yard.names() == ["sms-spam"]


def test_newest_version_published_again_keeps_its_number(yard: Yard, publish: Callable[..., Release]) -> None:
    first, second = publish(b"1"), publish(b"2")
    assert yard.publish(second).number == 2
    assert len(yard.events()) == 2
    assert yard.publish(first).number == 3


def test_publish_needs_everything_in_the_yard(
    yard: Yard, seal_model: Callable[..., Model], seal_release: Callable[..., Release]
) -> None:
    model = seal_model()
    release = seal_release(model)
    with pytest.raises(InputError, match=release.digest):
        yard.publish(release)
    yard.put(release)
    with pytest.raises(InputError, match=model.digest):
        yard.publish(release)
    assert yard.names() == []
    yard.put(model)
    assert yard.publish(release).number == 1


def test_processes_that_publish_at_once_get_distinct_numbers(
    yard: Yard, seal_model: Callable[..., Model], seal_release: Callable[..., Release]
) -> None:
    model = yard.put(seal_model())
    paths = [str(yard.put(seal_release(model, recipe=f"modelyard: {i}\n")).path) for i in range(6)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PUBLISH, str(yard.home), *paths[i : i + 2]], stdout=subprocess.PIPE, text=True
        )
        for i in (0, 2, 4)
    ]
    numbers = [int(line) for process in processes for line in process.communicate()[0].split()]
    assert sorted(numbers) == list(range(1, 31))
    assert yard.verify() == []


def test_what_is_not_met_needs_force_and_that_is_recorded(yard: Yard, publish: Callable[..., Release]) -> None:
    publish(b"1")
    publish(b"2", accuracy=0.5)
    with pytest.raises(InputError, match="not met") as error:
        yard.promote("sms-spam:2", actor="ann")
    assert "--force" in error.value.fix
    yard.promote("sms-spam:1", force=True, actor="ann")
    yard.promote("sms-spam:2", force=True, actor="ann")
    forced = [(event.actor, event.details["forced"]) for event in yard.history("sms-spam") if event.action == "promote"]
    assert forced == [("ann", False), ("ann", True)]
    assert yard.resolve("sms-spam").number == 2


def test_rollback_twice_goes_back_twice(yard: Yard, publish: Callable[..., Release]) -> None:
    for content in (b"1", b"2", b"3"):
        publish(content)
        yard.promote("sms-spam:" + content.decode())
    assert yard.promote("sms-spam:3").number == 3
    assert yard.rollback("sms-spam", actor="bob").number == 2
    assert yard.rollback("sms-spam", actor="bob").number == 1
    with pytest.raises(InputError, match="no version before sms-spam:1"):
        yard.rollback("sms-spam")
    yard.promote("sms-spam:3")
    assert yard.rollback("sms-spam").number == 1
    last = yard.history("sms-spam")[-1]
    assert (last.action, last.details) == ("rollback", {"alias": "production", "version": 1, "left": 3})
    with pytest.raises(InputError, match="no alias 'canary'"):
        yard.rollback("sms-spam", alias="canary")


class Registry(RuleBasedStateMachine):
    """Does random things to a yard and, beside it, to lists."""

    names = st.sampled_from(["a", "b"])
    aliases = st.sampled_from(["production", "canary"])
    numbers = st.integers(1, 4)

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.yard = Yard(Path(self.folder.name) / "yard")
        self.published: dict[str, list[tuple[str, bool]]] = defaultdict(list)
        self.pointed: dict[tuple[str, str], list[int]] = defaultdict(list)
        out = Path(self.folder.name) / "model"
        out.mkdir()
        (out / "weights.bin").write_bytes(b"w")
        self.model = self.yard.put(Model.write(out, task="t", runtime="r", base="b", parents=[]))

    @rule(name=names, recipe=st.integers(0, 2), met=st.booleans())
    def publish(self, name: str, recipe: int, met: bool) -> None:
        with self.yard.workplace("release") as work:
            judgement = Requirement.parse("accuracy", ">= 0.5").judge({"accuracy": Measure(float(met))})
            release = Release.write(
                work.out,
                name=name,
                model=self.model,
                data=None,
                reports=[],
                recipe=str(recipe),
                lock={},
                judgements=[judgement],
                measures={},
            )
            version = self.yard.publish(self.yard.put(release))
        expected = self.published[name]
        if not expected or expected[-1] != (release.digest, met):
            expected.append((release.digest, met))
        assert version.number == len(expected)

    @rule(name=names, number=numbers, alias=aliases, force=st.booleans())
    def promote(self, name: str, number: int, alias: str, force: bool) -> None:
        known, pointed = self.published[name], self.pointed[name, alias]
        standing = bool(pointed) and pointed[-1] == number
        if number <= len(known) and (standing or force or known[number - 1][1]):
            assert alias in self.yard.promote(f"{name}:{number}", alias=alias, force=force).aliases
            if not standing:
                pointed.append(number)
        else:
            with pytest.raises(InputError):
                self.yard.promote(f"{name}:{number}", alias=alias, force=force)

    @rule(name=names, alias=aliases)
    def rollback(self, name: str, alias: str) -> None:
        pointed = self.pointed[name, alias]
        if len(pointed) > 1:
            pointed.pop()
            assert self.yard.rollback(name, alias=alias).number == pointed[-1]
        else:
            with pytest.raises(InputError):
                self.yard.rollback(name, alias=alias)

    @invariant()
    def same_state(self) -> None:
        assert self.yard.names() == sorted(name for name, known in self.published.items() if known)
        for name in self.yard.names():
            found = self.yard.versions(name)[::-1]
            assert [(version.release, version.verdict is Verdict.MET) for version in found] == self.published[name]
            assert [version.number for version in found] == list(range(1, len(found) + 1))
            pointing = {(name, alias): version.number for version in found for alias in version.aliases}
            pointed = self.pointed.items()
            assert pointing == {key: numbers[-1] for key, numbers in pointed if numbers and key[0] == name}
            assert self.yard.resolve(name).number == pointing.get((name, "production"), len(found))
        assert self.yard.verify_events() is None

    def teardown(self) -> None:
        self.folder.cleanup()


TestRegistry = Registry.TestCase
TestRegistry.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
