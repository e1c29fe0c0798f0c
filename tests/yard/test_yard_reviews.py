"""Reviews in the yard: bounded, one reviewer at a time, decided once, and recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modelyard.core.errors import InputError
from modelyard.yard.database import Database
from modelyard.yard.reviews import CLAIM_SECONDS, MOST_COMMENT, ConflictError, Reviews, Sighting
from modelyard.yard.yard import Yard
from tests.serve.releases import NAME, Maker

ANSWER = {"label": "y", "score": 0.6, "scores": {"n": 0.4, "y": 0.6}}


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    folder = tmp_path_factory.mktemp("reviews")
    (folder / "work").mkdir()
    maker = Maker(Yard(folder / "yard"), folder / "work")
    maker.good(0.1)
    return maker


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reviews(maker: Maker, clock: Clock) -> Reviews:
    return Reviews(Database(maker.yard.home / "yard.sqlite"), most=3, clock=clock)


def sighting(row: int = 0, **changes: object) -> Sighting:
    facts = {"inputs": {"age": 3.0}, "answer": ANSWER, "reason": "confidence", **changes}
    return Sighting(NAME, 1, "r1", row, **facts)  # type: ignore[arg-type]


def test_of_too_many_the_oldest_that_wait_are_dropped_and_counted(reviews: Reviews) -> None:
    before = reviews.dropped(NAME)
    (first, *_), _ = reviews.add([sighting(1), sighting(2), sighting(3)])
    reviews.decide(first, "n", "ann")
    ids, dropped = reviews.add([sighting(row) for row in (4, 5, 6)])
    waiting = reviews.find(name=NAME, state="waiting")
    assert [item.id for item in waiting] == ids
    assert dropped == reviews.dropped(NAME) - before >= 2
    # What was decided stays.
    assert reviews.get(first).decision == "n"


def test_two_reviewers_do_not_do_the_same(reviews: Reviews, clock: Clock) -> None:
    (number,), _ = reviews.add([sighting()])
    reviews.claim(number, "ann")
    with pytest.raises(ConflictError, match="claimed by ann"):
        reviews.claim(number, "bob")
    with pytest.raises(ConflictError, match="claimed by ann"):
        reviews.decide(number, "n", "bob")
    reviews.claim(number, "ann")
    clock.now += CLAIM_SECONDS + 1
    assert reviews.claim(number, "bob").claimed_by == "bob"
    assert reviews.decide(number, "n", "bob", comment="it is").state == "decided"
    for again in ("ann", "bob"):
        with pytest.raises(ConflictError, match="decided already"):
            reviews.decide(number, "y", again)


def test_a_decision_is_one_that_the_model_could_give_and_is_recorded(reviews: Reviews, maker: Maker) -> None:
    (label, number), _ = reviews.add([sighting(), sighting(answer={"value": 3.5})])
    for target, wrong in ((label, "yy"), (label, 1.0), (number, "y"), (number, True)):
        with pytest.raises(InputError):
            reviews.decide(target, wrong, "ann")
    with pytest.raises(InputError, match="comment"):
        reviews.decide(label, "y", "ann", comment="x" * (MOST_COMMENT + 1))
    with pytest.raises(InputError, match="no review 99999"):
        reviews.decide(99999, "y", "ann")
    reviews.decide(number, 4.0, "key 17", comment="private", actor="key 17")
    event = maker.yard.events()[-1]
    assert (event.action, event.name, event.actor) == ("review", NAME, "key 17")
    assert event.details == {"review": number, "version": 1, "decision": 4.0, "by": "key 17"}
    assert maker.yard.verify_events() is None


def test_they_are_found_by_model_state_and_page(reviews: Reviews, tmp_path: Path) -> None:
    ids, _ = reviews.add([sighting(row) for row in (7, 8, 9)])
    assert [item.seen.row for item in reviews.find(name=NAME, state="waiting", after=ids[0], limit=1)] == [8]
    assert reviews.find(name="other") == []
    with pytest.raises(InputError, match="no state 'open'"):
        reviews.find(state="open")


def test_agreement_is_told_from_what_was_chosen_by_chance(maker: Maker, clock: Clock) -> None:
    number = int(maker.good(0.3))
    reviews = Reviews(Database(maker.yard.home / "yard.sqlite"), clock=clock)
    assert reviews.agreement(NAME, number) == (0, 0)
    reasons = ["sample", "sample", "rule edge, sample", "confidence", "feedback", "rule sample", "sample"]
    seen = [replace(sighting(row, reason=reason), number=number) for row, reason in enumerate(reasons)]
    ids, _ = reviews.add(seen)
    for place, decision in ((0, "y"), (1, "n"), (2, "y"), (3, "n"), (4, "n"), (5, "n")):
        reviews.decide(ids[place], decision, "ann")
    assert reviews.agreement(NAME, number) == (2, 3)
    assert reviews.agreement(NAME, number, most=1) == (1, 1)
    assert reviews.agreement(NAME, number + 1) == (0, 0)
