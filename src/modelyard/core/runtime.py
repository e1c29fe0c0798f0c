"""The runtime protocol: where a model runs. One file each in the room ``runtimes``.

Knows arrays by name, no rows and no tasks' meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from modelyard.core.model import Model

if TYPE_CHECKING:
    import numpy as np

Arrays: TypeAlias = "Mapping[str, np.ndarray]"
"""Arrays by input or output name."""


class Session(Protocol):
    """An opened model. ``run`` is a pure function of its arrays and may be called from one thread at a time."""

    @property
    def input_names(self) -> tuple[str, ...]: ...

    @property
    def output_names(self) -> tuple[str, ...]: ...

    def run(self, arrays: Arrays) -> Arrays:
        """Outputs for inputs.

        Arrays that the runtime hands out may be fed back to the same session as they are (a key–value
        cache, say); numpy reads them with ``np.asarray``.
        """
        ...

    def close(self) -> None: ...


class KeyValueCache(Protocol):
    """Keys and values of texts that grow: a slot each. What was computed of a token stays where it is."""

    lengths: np.ndarray
    """Tokens that each slot holds, int64. To lower one is to forget what lies beyond."""

    def append(self, pieces: Sequence[tuple[int, np.ndarray]]) -> np.ndarray:
        """Run the model over the next tokens of some slots.

        Args:
            pieces: a slot and the ids of its next tokens, int64; no slot twice.

        Returns:
            logits after the last token of each piece, float32 (pieces, vocabulary).
        """
        ...

    def copy(self, source: int, target: int, length: int) -> None:
        """Fill a slot with the first ``length`` tokens of another."""
        ...

    def clear(self, slot: int) -> None:
        """Empty a slot; its memory goes back to the system."""
        ...


@runtime_checkable
class CachingSession(Protocol):
    """A session that can keep the key–value cache of a language model itself."""

    def open_cache(self, slots: int, tokens: int) -> KeyValueCache | None:
        """An empty cache of so many slots, each of at most ``tokens`` tokens; None where this model has none."""
        ...


class NetworkSession(Session, Protocol):
    """A session of a runtime with the abilities ``training`` and ``gradients``: it shows its torch module."""

    @property
    def network(self) -> Any:
        """What :meth:`Task.network` gives, on the session's device."""
        ...


class Runtime(Protocol):
    """Opens models, and builds models of its own form out of others."""

    name: str
    abilities: frozenset[str]
    """What a model on this runtime allows: ``gradients``, ``conversion`` (its task gives the torch network),
    ``graph`` (it holds an ONNX graph, or one can be exported), ``forks`` (a session of one thread on the CPU goes on
    in a forked process)."""

    def open(self, model: Model, *, device: str = "cpu", threads: int | None = None) -> Session:
        """Load the weights, ready to run.

        Args:
            threads: cores that one call may use; None leaves it to the runtime.
        """
        ...

    def build(self, model: Model, out: Path, **options: Any) -> Mapping[str, Any]:
        """Convert ``model`` into ``out`` and return the settings that the new model needs."""
        ...
