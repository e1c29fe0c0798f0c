"""Answers that wait for a person's judgement, and what was judged.

Rows are kept as they are handed over: whoever does so has masked them. Bounded: of too many that wait, the oldest are
dropped and counted. Knows no server; who decides is a word.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.core.errors import InputError, suggestion
from modelyard.yard import events
from modelyard.yard.database import Database

MOST_WAITING = 10_000
"""Of one model; beyond, the oldest that nobody has looked at are dropped."""
CLAIM_SECONDS = 600.0
JUDGED = 2000
"""Decisions that a version's agreement with people is told from."""
MOST_COMMENT = 2000
STATES = ("waiting", "decided")
DECIDED = "review"

Decision = str | float


class ConflictError(InputError):
    """Another reviewer has it, or has decided."""


@dataclass(frozen=True)
class Sighting:
    """An answer that a person should see.

    Attributes:
        name: of the model, with the ``number`` of its version.
        request: id of the request, and the ``row`` in it.
        reason: ``confidence``, ``sample``, ``feedback``, or ``rule NAME``.
        inputs: role or column → value, masked.
        answer: what was answered.
        proposed: what a caller says is right.
    """

    name: str
    number: int
    request: str
    row: int
    reason: str
    inputs: Mapping[str, Any]
    answer: Mapping[str, Any]
    proposed: Decision | None = None


@dataclass(frozen=True)
class Review:
    """A sighting in the yard, and what became of it.

    Attributes:
        claimed_by: who looks at it now, until ``claimed_until`` (seconds since the epoch).
        decision: the right class or number.
        decided: when, ISO 8601 in UTC.
    """

    id: int
    seen: Sighting
    created: str
    claimed_by: str | None = None
    claimed_until: float | None = None
    decision: Decision | None = None
    comment: str = ""
    decided_by: str | None = None
    decided: str | None = None

    @property
    def state(self) -> str:
        return "waiting" if self.decision is None else "decided"

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "model": self.seen.name,
            "version": self.seen.number,
            "state": self.state,
            "reason": self.seen.reason,
            "inputs": dict(self.seen.inputs),
            "answer": dict(self.seen.answer),
            "proposed": self.seen.proposed,
            "request": self.seen.request,
            "row": self.seen.row,
            "created": self.created,
            "claimed_by": self.claimed_by,
            "claimed_until": self.claimed_until,
            "decision": self.decision,
            "comment": self.comment,
            "decided_by": self.decided_by,
            "decided": self.decided,
        }


class Reviews:
    """The reviews of a yard.

    Args:
        most: of one model that may wait.
        clock: seconds since the epoch.
    """

    def __init__(self, database: Database, *, most: int = MOST_WAITING, clock: Callable[[], float] = time.time) -> None:
        self._database, self._most, self._clock = database, most, clock

    def add(self, sightings: Iterable[Sighting]) -> tuple[list[int], int]:
        """Keep sightings.

        Returns:
            Their ids, and how many older ones were dropped for them.
        """
        with self._database.write() as connection:
            items = list(sightings)
            ids = [_insert(connection, item) for item in items]
            dropped = sum(_drop_oldest(connection, name, self._most) for name in {item.name for item in items})
        return ids, dropped

    def find(
        self, *, name: str | None = None, state: str | None = None, after: int = 0, limit: int = 100
    ) -> list[Review]:
        """Reviews in the order in which they came.

        Args:
            name: of the model; None for all.
            state: ``waiting`` or ``decided``; None for both.
            after: only those with a higher id.

        Raises:
            InputError: an unknown state.
        """
        if state is not None and state not in STATES:
            raise InputError(f"no state {state!a:.40}", fix=suggestion(state, STATES))
        waiting = None if state is None else int(state == "waiting")
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT * FROM reviews WHERE (?1 IS NULL OR name = ?1) AND (?2 IS NULL OR (decision IS NULL) = ?2)"
                " AND id > ?3 ORDER BY id LIMIT ?4",
                (name, waiting, after, limit),
            ).fetchall()
        return [_read(row) for row in rows]

    def look_up(self, number: int) -> Review | None:
        """The review of that id; None where there is none (any more)."""
        with self._database.read() as connection:
            return _look_up(connection, number)

    def get(self, number: int) -> Review:
        """The same.

        Raises:
            InputError: there is none (any more).
        """
        with self._database.read() as connection:
            return _get(connection, number)

    def agreement(self, name: str, number: int, *, most: int = JUDGED) -> tuple[int, int]:
        """How often people agreed with a version that gives classes.

        Only rows that were chosen by chance count: uncertain ones, and those that callers complain of, say little of
        the others.

        Args:
            most: decisions that are looked at, the latest.

        Returns:
            Answers that were right, and all that were judged.
        """
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT count(*) AS judged, total(alike) AS alike FROM"
                " (SELECT json_extract(answer, '$.label') = json_extract(decision, '$') AS alike FROM reviews"
                " WHERE name = ? AND number = ? AND decision IS NOT NULL"
                " AND (reason = 'sample' OR reason LIKE '%, sample')"
                " AND json_extract(answer, '$.label') IS NOT NULL ORDER BY id DESC LIMIT ?)",
                (name, number, most),
            ).fetchone()
        return int(row["alike"]), int(row["judged"])

    def dropped(self, name: str) -> int:
        """How many of a model were dropped before anybody looked at them."""
        with self._database.read() as connection:
            row = connection.execute("SELECT count FROM reviews_dropped WHERE name = ?", (name,)).fetchone()
        return int(row["count"]) if row else 0

    def claim(self, number: int, who: str, *, seconds: float = CLAIM_SECONDS) -> Review:
        """Have a review to oneself for a while; claiming it again prolongs that.

        Raises:
            ConflictError: another has it, or it is decided.
            InputError: there is none.
        """
        with self._database.write() as connection:
            self._check_free(_get(connection, number), who)
            connection.execute(
                "UPDATE reviews SET claimed_by = ?, claimed_until = ? WHERE id = ?",
                (who, self._clock() + seconds, number),
            )
            return _get(connection, number)

    def decide(
        self, number: int, decision: Decision, who: str, *, comment: str = "", actor: str | None = None
    ) -> Review:
        """Say what is right. That is final, and goes to the audit log (without row and comment).

        Args:
            decision: a class of the model, or a number where it gives numbers.
            who: decides, as in :meth:`claim`.
            actor: for the audit log; None for the user of this process.

        Raises:
            ConflictError: another has it, or it is decided.
            InputError: there is none, or the decision is none that the model could give.
        """
        if len(comment) > MOST_COMMENT:
            raise InputError(f"a comment of {len(comment)} characters", expected=f"at most {MOST_COMMENT}")
        with self._database.write() as connection:
            review = _get(connection, number)
            self._check_free(review, who)
            check_decision(decision, review.seen.answer)
            connection.execute(
                "UPDATE reviews SET decision = ?, comment = ?, decided_by = ?, decided = ? WHERE id = ?",
                (json.dumps(decision), comment, who, events.now(), number),
            )
            details = {"review": number, "version": review.seen.number, "decision": decision, "by": who}
            events.append(connection, actor=actor, action=DECIDED, name=review.seen.name, details=details)
            return _get(connection, number)

    def _check_free(self, review: Review, who: str) -> None:
        if review.decision is not None:
            raise ConflictError(f"review {review.id} is decided already", expected="one that waits")
        if review.claimed_by not in (None, who) and (review.claimed_until or 0) > self._clock():
            left = (review.claimed_until or 0) - self._clock()
            raise ConflictError(
                f"review {review.id} is claimed by {review.claimed_by}", fix=f"take another, or wait {left:.0f} s"
            )


def check_decision(decision: Decision, answer: Mapping[str, Any]) -> None:
    """See that a model with this answer could have given the decision.

    Raises:
        InputError: it is another kind of thing, or an unknown class.
    """
    labels: Collection[str] = answer.get("scores") or ()
    if not labels:
        if isinstance(decision, bool) or not isinstance(decision, int | float):
            raise InputError(f"{decision!a:.80} is no number", expected="a number: the model gives numbers")
    elif decision not in labels:
        fix = suggestion(str(decision), labels)
        raise InputError(f"the model knows no class {decision!a:.80}", expected="one of its classes", fix=fix)


def _insert(connection: sqlite3.Connection, item: Sighting) -> int:
    done = connection.execute(
        "INSERT INTO reviews (name, number, request, row, reason, inputs, answer, proposed, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            item.name,
            item.number,
            item.request,
            item.row,
            item.reason,
            json.dumps(item.inputs, ensure_ascii=False),
            json.dumps(item.answer, ensure_ascii=False),
            None if item.proposed is None else json.dumps(item.proposed),
            events.now(),
        ),
    )
    return int(done.lastrowid or 0)


def _drop_oldest(connection: sqlite3.Connection, name: str, most: int) -> int:
    dropped = connection.execute(
        "DELETE FROM reviews WHERE id IN (SELECT id FROM reviews WHERE name = ?1 AND decision IS NULL"
        " ORDER BY id DESC LIMIT -1 OFFSET ?2)",
        (name, most),
    ).rowcount
    if dropped:
        connection.execute(
            "INSERT INTO reviews_dropped VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET count = count + ?2",
            (name, dropped),
        )
    return dropped


def _look_up(connection: sqlite3.Connection, number: int) -> Review | None:
    row = connection.execute("SELECT * FROM reviews WHERE id = ?", (number,)).fetchone()
    return None if row is None else _read(row)


def _get(connection: sqlite3.Connection, number: int) -> Review:
    found = _look_up(connection, number)
    if found is None:
        raise InputError(f"there is no review {number}", fix="modelyard review list")
    return found


def _read(row: sqlite3.Row) -> Review:
    seen = Sighting(
        name=row["name"],
        number=row["number"],
        request=row["request"],
        row=row["row"],
        reason=row["reason"],
        inputs=json.loads(row["inputs"]),
        answer=json.loads(row["answer"]),
        proposed=None if row["proposed"] is None else json.loads(row["proposed"]),
    )
    return Review(
        row["id"],
        seen,
        row["created"],
        row["claimed_by"],
        row["claimed_until"],
        None if row["decision"] is None else json.loads(row["decision"]),
        row["comment"] or "",
        row["decided_by"],
        row["decided"],
    )
