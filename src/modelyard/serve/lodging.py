"""What a server opens when it starts, and what it opens and closes as it is asked.

Hashes each model once for both. Knows the yard and the room that there is; no route.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

from modelyard.core import memory
from modelyard.core.model import Model
from modelyard.serve.hosting import Hosted, Opener
from modelyard.serve.residence import Lodger, at_first
from modelyard.yard.registry import Version
from modelyard.yard.yard import Yard


@dataclass(frozen=True)
class Lodging:
    """Who lives where.

    Attributes:
        first: each opens a model that is there when the server starts.
        lodgers: models that are opened and closed as they are asked.
        room: bytes that the open ones of these may take; None for no limit.
    """

    first: Sequence[Callable[[], Hosted]]
    lodgers: Sequence[Lodger]
    room: int | None


def assign(
    yard: Yard,
    references: Sequence[str],
    versions: Sequence[Version],
    *,
    workers: int | None,
    memory_limit: int | None,
    admit: Callable[[Version], None],
    open_it: Callable[..., Hosted],
) -> Lodging:
    """Say which of the releases stay and which make room for each other.

    Args:
        versions: what the references lead to now.
        open_it: :func:`modelyard.serve.following.open_version`, or one like it.

    Raises:
        IntegrityError: files are not what was stored.
        InputError: a release would take more memory than there may be used by itself, or those that stay together.
    """
    names = Counter(version.name for version in versions)
    # Several versions of one name are all asked for by number: they stay.
    fixed = [version for version in versions if names[version.name] > 1]
    model_of = cache(yard.model)
    opens = partial(open_it, yard, workers=workers, memory_limit=memory_limit)
    lodgers = []
    for reference, version in zip(references, versions, strict=True):
        if version not in fixed:
            memory.require_models([model_of(version)], memory_limit)
            resolve = partial(_resolve, yard, reference, admit, opens)
            lodgers.append(Lodger(version.name, memory.memory_bytes(model_of(version)), resolve))
    stay: list[Model] = [model_of(version) for version in fixed]
    memory.require_models(stay, memory_limit)
    room = None if memory_limit is None else memory_limit - sum(map(memory.memory_bytes, stay))
    there = {lodger.name for lodger in at_first(lodgers, room)}
    first = [version for version in versions if version in fixed or version.name in there]
    return Lodging([partial(opens, version, model=model_of(version)) for version in first], lodgers, room)


def _resolve(
    yard: Yard, reference: str, admit: Callable[[Version], None], opens: Callable[[Version], Hosted]
) -> tuple[str, Opener]:
    """The version that the reference leads to by now, and what opens it."""
    version = yard.resolve(reference)
    admit(version)
    return str(version.number), lambda: opens(version)
