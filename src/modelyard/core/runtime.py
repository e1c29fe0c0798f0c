"""The runtime protocol: where a model runs. One file each in the room ``runtimes``.

Knows arrays by name, no rows and no tasks' meaning.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen among those that may come next.

    Attributes:
        temperature: 0 takes the most likely one always; below 1 sharpens, above 1 flattens.
        top_k: keep the most likely tokens only; 0 keeps all.
        top_p: keep the fewest tokens that have this probability together.
        min_p: keep tokens at least this many times as likely as the most likely one.
        repetition_penalty: above 1 makes tokens that occurred before less likely.
        seed: the same seed gives the same text.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 0


class TokenEngine(Protocol):
    """A language model that chooses tokens and shares out its cache by itself, for many texts at once.

    A text does not depend on what is written beside it, but for rounding.
    """

    def begin(
        self, key: int, prompt: np.ndarray, limit: int, sampling: Sampling, *, stops: Collection[int], owner: str
    ) -> None:
        """Write on from a prompt as soon as there is room.

        Args:
            key: names the text; no other that is being written has it.
            prompt: token ids, int64.
            limit: most tokens that come.
            stops: tokens that end the text; the one that did is told too.
            owner: prompts of one owner may share work, those of two never.

        Raises:
            InputError: it cannot choose tokens in this way.
        """
        ...

    def drop(self, key: int) -> None:
        """Write no more of a text; nothing happens where it has ended."""
        ...

    def step(self) -> Sequence[tuple[int, Sequence[int]]]:
        """Go on a little; the tokens that came of each text, by its key. Nothing is told of one that was dropped."""
        ...

    def score(self, texts: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Of each text, from its second token on: natural log probabilities, float32, and the likeliest tokens, int32.

        Args:
            texts: token ids, int64, two or more each.
        """
        ...


@runtime_checkable
class WritingSession(Protocol):
    """A session that gives no logits: its runtime has an engine that writes."""

    def open_engine(self, slots: int, tokens: int) -> TokenEngine:
        """An engine with nothing to do.

        Args:
            slots: most texts that it writes at once, unless an engine of this session was made for more.
            tokens: most tokens of prompts and texts that it must be able to hold at once.
        """
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
    in a forked process), ``threads`` (a session of more threads may be opened in the process of one that has one)."""

    def open(self, model: Model, *, device: str = "cpu", threads: int | None = None) -> Session:
        """Load the weights, ready to run.

        Args:
            threads: cores that one call may use; None leaves it to the runtime.
        """
        ...

    def build(self, model: Model, out: Path, **options: Any) -> Mapping[str, Any]:
        """Convert ``model`` into ``out`` and return the settings that the new model needs."""
        ...
