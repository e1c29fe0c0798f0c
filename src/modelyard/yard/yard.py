"""The yard: everything that lasts, behind one object.

Puts the objects, the versions, the step cache and the audit log together and keeps their order:
bytes are on the disk before a row speaks of them. Runs no step and serves no model.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from modelyard.core.access import Key, Rate, Role
from modelyard.core.artifact import Artifact
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError, IntegrityError
from modelyard.core.model import Model
from modelyard.core.release import Release
from modelyard.core.rollout import Plan, Progress, State
from modelyard.yard import (
    anchors,
    datasets,
    difference,
    events,
    garbage,
    inspection,
    keys,
    lineage,
    locks,
    registry,
    rollouts,
    steps,
)
from modelyard.yard.anchors import Anchor
from modelyard.yard.database import Database
from modelyard.yard.difference import Difference
from modelyard.yard.durable import make_folder
from modelyard.yard.events import Event, Problem
from modelyard.yard.garbage import Collected
from modelyard.yard.layout import Layout
from modelyard.yard.lineage import Lineage
from modelyard.yard.naming import PRODUCTION, Reference, check_name
from modelyard.yard.objects import Objects
from modelyard.yard.registry import Version
from modelyard.yard.reviews import Reviews
from modelyard.yard.rollouts import Rollout
from modelyard.yard.signing import Signing
from modelyard.yard.workplace import Workplace, workplace

HOME = "MODELYARD_HOME"

_Kind = TypeVar("_Kind", bound=Artifact)


class Yard:
    """A yard in the folder ``home``, which is made when it is first used.

    Any number of threads and processes of one machine may use it at once. Where an ``actor`` is
    asked for, None stands for the user that runs this process.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()

    @classmethod
    def default(cls) -> Yard:
        """The yard in ``MODELYARD_HOME``, otherwise in ``.modelyard`` of the current folder."""
        return cls(Path(os.environ.get(HOME) or ".modelyard").expanduser())

    @cached_property
    def _layout(self) -> Layout:
        layout = Layout(self.home)
        layout.create()
        return layout

    @cached_property
    def _database(self) -> Database:
        return Database(self._layout.database)

    @cached_property
    def _objects(self) -> Objects:
        return Objects(self._layout)

    @cached_property
    def reviews(self) -> Reviews:
        """Answers that people judge."""
        return Reviews(self._database)

    # Artifacts

    def put(self, artifact: _Kind) -> _Kind:
        """Keep an artifact, and return it as it lies in the yard, read-only.

        One that lies in a workplace is moved, any other is copied. Putting the same one again
        changes nothing, unless the kept one was damaged: then it is mended.

        Raises:
            IntegrityError: its files are not those of its manifest.
            ModelyardError: the disk is full or fails. In both cases nothing was kept.
        """
        with locks.shared(self._layout.yard_lock):
            return self._objects.put(artifact)

    def get(self, digest: str, *, verify: bool = True) -> Artifact:
        """The artifact with this digest, or with this unique prefix of at least 8 hex digits.

        Args:
            verify: hash all its files again before they are handed out.

        Raises:
            InputError: there is none, or more than one.
            IntegrityError: it is not what was stored (``digest_mismatch``).
        """
        return self._objects.get(digest, verify=verify)

    # Work

    def recall(self, key: str) -> Artifact | None:
        """What the work of this key gave, or None if it must be done (again).

        All its files are hashed again: a damaged result counts as none, and doing the work again mends it.
        """
        with self._database.read() as connection:
            digest = steps.find(connection, key)
        if digest is None:
            return None
        try:
            artifact = self.get(digest)
        except (InputError, IntegrityError):
            return None
        with self._database.write() as connection:
            steps.touch(connection, key)
        return artifact

    def seconds(self, key: str) -> float:
        """How long the remembered work of this key took; 0 where none is remembered."""
        with self._database.read() as connection:
            return steps.seconds(connection, key)

    def remember(self, key: str, step_name: str, artifact: Artifact, seconds: float) -> None:
        """Note that the work of this key gave this artifact, which was put before."""
        with self._database.write() as connection:
            steps.remember(connection, key, step_name, artifact.digest, seconds)

    @contextmanager
    def workplace(self, key: str) -> Iterator[Workplace]:
        """Do the work of this key alone: others with the same key wait until the block ends.

        Ask :meth:`recall` again inside: who held it before may have done the work.
        """
        with workplace(self._layout, key) as place:
            yield place

    @contextmanager
    def measuring(self, *, alone: bool) -> Iterator[None]:
        """Do one piece of a search: together with others, or ``alone`` where it is timed and others would slow it."""
        file = self._layout.lock("measuring")
        with locks.shared(self._layout.yard_lock), locks.exclusive(file) if alone else locks.shared(file):
            yield

    def search_folder(self, key: str) -> Path:
        """A folder that keeps what the search of this key has measured; made when it is first asked for."""
        folder = self._layout.search_folder(key)
        make_folder(folder)
        return folder

    @contextmanager
    def searching(self, key: str) -> Iterator[None]:
        """Do the search of this key alone: a second process waits, and then finds all that the first has measured."""
        with locks.shared(self._layout.yard_lock), locks.exclusive(self._layout.lock(f"search {key}")):
            yield

    # Versions

    def publish(self, release: Release, *, actor: str | None = None) -> Version:
        """Give a release the next number of its name: 1, 2, 3, …

        The newest version published again keeps its number.

        Raises:
            InputError: the name is not allowed, or the release or something it refers to was not put.
        """
        check_name("name", release.name)
        with locks.shared(self._layout.yard_lock), self._database.write() as connection:
            for digest in (release.digest, *release.parents):
                if not self._objects.has(digest):
                    raise InputError(
                        f"{release.name} refers to {digest}, which is not in this yard", fix="put it first"
                    )
            return registry.publish(connection, release.name, release.digest, release.verdict, actor=actor)

    def names(self) -> list[str]:
        """All names that have versions, sorted."""
        with self._database.read() as connection:
            return registry.names(connection)

    def versions(self, name: str) -> list[Version]:
        """All versions of a name, newest first.

        Raises:
            InputError: there is no such name.
        """
        with self._database.read() as connection:
            return registry.versions(connection, check_name("name", name))

    def resolve(self, reference: str) -> Version:
        """The version that ``name``, ``name@alias`` or ``name:3`` means.

        A plain name means its alias ``production`` if it has one, otherwise its newest version.

        Raises:
            InputError: no such version; the nearest name is suggested.
        """
        parsed = Reference.parse(reference)
        with self._database.read() as connection:
            return registry.resolve(connection, parsed)

    def release(self, version: Version) -> Release:
        """The release behind a version, hashed again before it is handed out."""
        return _expect(Release, self.get(version.release))

    def model(self, version: Version) -> Model:
        """The model of a version, hashed again before it is handed out."""
        return _expect(Model, self.get(self.release(version).model_digest))

    def promote(
        self, reference: str, *, alias: str = PRODUCTION, force: bool = False, actor: str | None = None
    ) -> Version:
        """Point an alias to a version.

        Args:
            force: promote even if its requirements are not met; that is recorded.

        Raises:
            InputError: no such version, or its requirements are not met.
        """
        parsed, alias = Reference.parse(reference), check_name("alias", alias)
        with self._database.write() as connection:
            return registry.promote(connection, parsed, alias=alias, force=force, actor=actor)

    def rollback(self, name: str, *, alias: str = PRODUCTION, actor: str | None = None) -> Version:
        """Return an alias to the version that it pointed to before; twice goes back twice.

        Raises:
            InputError: there is nothing to return to.
        """
        check_name("name", name)
        check_name("alias", alias)
        with self._database.write() as connection:
            return registry.rollback(connection, name, alias=alias, actor=actor)

    # Data

    def publish_data(self, name: str, data: Dataset, *, actor: str | None = None) -> str:
        """Give a dataset, which was put before, the next number of its name: the reference ``name:1``.

        Raises:
            InputError: the name is not allowed, or the dataset was not put.
        """
        check_name("name", name)
        with locks.shared(self._layout.yard_lock), self._database.write() as connection:
            if not self._objects.has(data.digest):
                raise InputError(f"{data.digest} is not in this yard", fix="put it first")
            return f"{name}:{datasets.publish(connection, name, data.digest, actor=actor)}"

    def data(self, reference: str) -> Dataset:
        """The dataset of ``name`` (the newest) or ``name:2``, hashed again before it is handed out.

        Raises:
            InputError: there is none.
        """
        parsed = Reference.parse(reference)
        with self._database.read() as connection:
            digest = datasets.resolve(connection, parsed)
        return _expect(Dataset, self.get(digest))

    # Access

    def add_key(
        self,
        label: str,
        role: Role,
        *,
        models: Iterable[str] = ("*",),
        rate: Rate | None = None,
        expires: datetime | None = None,
        actor: str | None = None,
    ) -> tuple[Key, str]:
        """A new key and its token, which cannot be had again.

        Args:
            label: whose it is or what for; it needs not be unique.
            models: names of models, ``*`` stands for any characters.

        Raises:
            InputError: the label, a pattern or the time cannot be used.
        """
        with self._database.write() as connection:
            return keys.add(connection, label=label, role=role, models=models, rate=rate, expires=expires, actor=actor)

    def list_keys(self) -> list[Key]:
        """All keys there ever were, oldest first."""
        with self._database.read() as connection:
            return keys.read(connection)

    def revoke_key(self, number: str, *, actor: str | None = None) -> Key:
        """End the key of this id for good.

        Raises:
            InputError: there is none.
        """
        with self._database.write() as connection:
            return keys.revoke(connection, number, actor=actor)

    # Rollouts

    def start_rollout(
        self, reference: str, plan: Plan, *, alias: str = PRODUCTION, force: bool = False, actor: str | None = None
    ) -> Rollout:
        """Let the servers that follow the alias try a version on a part of their traffic.

        Raises:
            InputError: it cannot be rolled out; says why.
        """
        parsed = Reference.parse(reference)
        with self._database.write() as connection:
            return rollouts.start(connection, parsed, plan, alias=alias, force=force, actor=actor)

    def rollout(self, name: str) -> Rollout | None:
        """The rollout of a name that runs, or else the last one."""
        with self._database.read() as connection:
            return rollouts.newest(connection, name)

    def note_rollout(
        self,
        rollout: Rollout,
        progress: Progress,
        state: State,
        evidence: Mapping[str, Any],
        *,
        actor: str | None = rollouts.ACTOR,
        now: float | None = None,
    ) -> bool:
        """Record a check of a rollout and where it led; False if it has ended or was checked by another meanwhile.

        A rollout that ends as promoted moves its alias in the same transaction.
        """
        with self._database.write() as connection:
            return rollouts.note(connection, rollout, progress, state, evidence, actor=actor, now=now or time.time())

    @cached_property
    def signing(self) -> Signing:
        """Which public keys are trusted, and what they signed."""
        return Signing(self._database, self.release, self.model)

    # Looking back

    def record(self, action: str, name: str, details: Mapping[str, Any], *, actor: str | None = None) -> None:
        """Note in the audit log what happened to a release that no other method of the yard did.

        Args:
            name: of the release; empty for what is about the whole yard.
            details: JSON values.
        """
        with self._database.write() as connection:
            events.append(connection, actor=actor, action=action, name=name, details=details)

    def events(self) -> list[Event]:
        """The audit log, oldest first."""
        with self._database.read() as connection:
            return events.read(connection)

    def history(self, name: str) -> list[Event]:
        """What happened to one name, oldest first."""
        with self._database.read() as connection:
            return events.read(connection, check_name("name", name))

    def verify_events(self, known: Iterable[Anchor] = ()) -> Problem | None:
        """The first event that was edited, removed or moved, or None.

        Args:
            known: where the log stood before, as :meth:`anchor` gave it.
        """
        with self._database.read() as connection:
            return events.verify(connection, known)

    def anchor(self, file: Path | None = None) -> Anchor:
        """Where the audit log stands now, to be kept outside of the yard.

        Args:
            file: the anchor is added to those that it holds; made where there is none.

        Raises:
            InputError: the file lies in the yard, or holds something else.
            IntegrityError: the log does not hold, or does not go through the anchors in the file.
        """
        if file is not None:
            anchors.check_outside(file, self.home)
        before = anchors.read(file) if file is not None and file.exists() else []
        with self._database.read() as connection:
            if problem := events.verify(connection, before):
                raise IntegrityError(f"{problem.where}: {problem.what}", fix="restore the yard from a backup")
            anchor = events.head(connection)
        if file is not None:
            anchors.add(file, anchor)
        return anchor

    def lineage(self, digest: str) -> Lineage:
        """What an artifact was made from, back to the sources."""
        with self._database.read() as connection:
            return lineage.trace(connection, self._objects, digest)

    def diff(self, a: str, b: str) -> Difference:
        """What differs between two versions, given as references."""
        first, second = self.resolve(a), self.resolve(b)
        return difference.compare(
            (first, self.release(first), self.model(first)), (second, self.release(second), self.model(second))
        )

    # Upkeep

    def verify(self) -> list[Problem]:
        """Hash every object and check every row; empty if all is well."""
        with locks.shared(self._layout.yard_lock), self._database.read() as connection:
            return inspection.inspect(connection, self._objects)

    def collect_garbage(self, *, older_than: timedelta = timedelta(days=14), actor: str | None = None) -> Collected:
        """Remove what no version needs and nobody used for a while.

        Raises:
            ModelyardError: a build is running; nothing was removed.
        """
        return garbage.collect(self._layout, self._database, self._objects, older_than=older_than, actor=actor)


def _expect(kind: type[_Kind], artifact: Artifact) -> _Kind:
    if not isinstance(artifact, kind):
        raise IntegrityError(f"{artifact.digest} is a {artifact.kind}, not a {kind.kind}")
    return artifact
