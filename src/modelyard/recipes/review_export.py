"""What people decided, as a dataset that a recipe can name: rows, right answers, weights, and where each comes from.

Knows the yard's reviews; learns nothing from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelyard.core.artifact import Artifact, canonical_json, hash_bytes
from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.yard.reviews import Review
from modelyard.yard.yard import Yard

SUFFIX = "-review"
_PAGE = 1000


@dataclass(frozen=True)
class Exported:
    """A dataset that was published.

    Attributes:
        reference: to name in a recipe, without ``yard:``.
    """

    reference: str
    rows: int
    digest: str


def export(yard: Yard, name: str, *, weight: float = 1.0, feedback_weight: float = 0.0) -> Exported:
    """Publish the reviews of a model as ``NAME-review``.

    Args:
        weight: of a row that a reviewer has decided.
        feedback_weight: of a row whose caller proposed an answer that no reviewer has decided on; 0 leaves them out.

    Raises:
        InputError: a weight that cannot be, or nothing to export.
    """
    for given in (weight, feedback_weight):
        if not 0 <= given <= 1e6:
            raise InputError(f"a weight of {given}", expected="0 to 1000000")
    yard.versions(name)
    rows = [
        _row(review, weight if review.decision is not None else feedback_weight)
        for review in _all(yard, name)
        if review.decision is not None or review.seen.proposed is not None
    ]
    rows = [row for row in rows if row["weight"] > 0]
    if not rows:
        raise InputError(f"nobody has decided a review of {name}", fix=f"modelyard review list {name}")
    data = _write(yard, name, rows)
    return Exported(yard.publish_data(name + SUFFIX, data), len(rows), data.digest)


def _all(yard: Yard, name: str) -> list[Review]:
    found: list[Review] = []
    while page := yard.reviews.find(name=name, after=found[-1].id if found else 0, limit=_PAGE):
        found += page
    return found


def _row(review: Review, weight: float) -> dict[str, Any]:
    seen = review.seen
    right = seen.proposed if review.decision is None else review.decision
    given = seen.answer.get("label", seen.answer.get("value"))
    return {
        **seen.inputs,
        ("label" if isinstance(right, str) else "target"): right,
        "weight": weight,
        "review": review.id,
        "review_reason": seen.reason,
        "review_answer": given,
        "review_version": f"{seen.name}:{seen.number}",
        "review_by": review.decided_by or "feedback",
        "review_time": review.decided or review.created,
    }


def _write(yard: Yard, name: str, rows: list[dict[str, Any]]) -> Dataset:
    import pyarrow as pa

    table = pa.Table.from_pylist(rows)
    table = table.add_column(0, ROW_ID, pa.array(range(len(rows)), type=pa.int64()))
    labels = sorted({row["label"] for row in rows if "label" in row})
    references = sorted({row["review_version"] for row in rows})
    parents: list[Artifact] = [yard.model(yard.resolve(reference)) for reference in references]
    with yard.workplace(hash_bytes(canonical_json(["review export", name, rows]))) as work:
        return yard.put(Dataset.write(work.out, {"train": table}, parents=parents, labels=labels))
