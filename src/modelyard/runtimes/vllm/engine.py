"""vLLM's engine behind the protocol :class:`modelyard.core.runtime.TokenEngine`.

Several users share one engine, each with keys of its own. Prompts are shared within one owner only, by vLLM's salt: how
fast an answer begins would tell what others asked.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np

from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.runtime import Sampling

LEAST_TOP_P = 1e-6
"""vLLM takes no nucleus of nothing; this one holds the likeliest token only, as ours does at 0."""


class Shared:
    """vLLM's engine, and for whom it writes what.

    Args:
        engine: a ``vllm.LLMEngine`` in this process.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._numbers = count()
        self._wanted: dict[str, tuple[list[Any], int]] = {}

    def begin(self, prompt: list[int], params: Any, owner: str, inbox: list[Any], key: int) -> str:
        """Take up a prompt; what comes of it is put into ``inbox`` with its key. The name of the request.

        Raises:
            InputError: vLLM refuses it.
        """
        from vllm.inputs.engine import tokens_input

        name = str(next(self._numbers))
        with _refusals():
            self._engine.add_request(name, tokens_input(prompt, cache_salt=owner or None), params)
        self._wanted[name] = inbox, key
        return name

    def drop(self, name: str) -> None:
        if self._wanted.pop(name, None) is not None:
            self._engine.abort_request([name])

    def step(self) -> None:
        """Go on a little with all that was begun.

        Raises:
            ModelyardError: vLLM gave one up.
        """
        for output in self._engine.step():
            found = self._wanted.get(output.request_id)
            if found is None:
                continue
            inbox, key = found
            inbox.append((key, output))
            if output.finished:
                del self._wanted[output.request_id]
                reason = output.outputs[0].finish_reason
                if reason not in ("stop", "length"):
                    raise ModelyardError(f"vLLM gave an answer up: {reason}")

    @property
    def busy(self) -> bool:
        """Whether something is being written."""
        return bool(self._wanted)

    def close(self) -> None:
        """Let go of weights and cache."""
        self._engine.engine_core.shutdown()
        self._engine = None
        self._wanted.clear()
        gc.collect()


class Desk:
    """One user of the engine."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._names: dict[int, str] = {}
        self._inbox: list[tuple[int, Any]] = []

    def begin(
        self, key: int, prompt: np.ndarray, limit: int, sampling: Sampling, *, stops: Collection[int], owner: str
    ) -> None:
        self._take_up(key, prompt, parameters(sampling, limit, stops), owner)

    def drop(self, key: int) -> None:
        name = self._names.pop(key, None)
        if name is not None:
            self._shared.drop(name)
            self._inbox[:] = [item for item in self._inbox if item[0] != key]

    def step(self) -> list[tuple[int, Sequence[int]]]:
        return [(key, output.outputs[0].token_ids) for key, output in self._next()]

    def score(self, texts: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        # At a desk of its own: what comes of other texts meanwhile is not taken.
        desk = Desk(self._shared)
        scores: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        try:
            for key, ids in enumerate(texts):
                desk._take_up(key, ids[:-1], scoring_parameters(int(ids[-1])), "")
            while desk._names:
                # What scores comes in one piece, its last.
                scores.update((key, _score(output, texts[key])) for key, output in desk._next())
        finally:
            for key in list(desk._names):
                desk.drop(key)
        return [scores[key] for key in range(len(texts))]

    def _take_up(self, key: int, prompt: np.ndarray, params: Any, owner: str) -> None:
        self._names[key] = self._shared.begin(prompt.tolist(), params, owner, self._inbox, key)

    def _next(self) -> list[tuple[int, Any]]:
        """What has come since the last call; a text whose last piece is among it is forgotten."""
        if not self._inbox and self._names:
            self._shared.step()
        found = list(self._inbox)
        self._inbox.clear()
        for key, output in found:
            if output.finished:
                del self._names[key]
        return found


def parameters(sampling: Sampling, limit: int, stops: Collection[int]) -> Any:
    """vLLM's words for how tokens are chosen.

    Raises:
        InputError: vLLM has another range.
    """
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    with _refusals():
        return SamplingParams(
            temperature=sampling.temperature,
            top_k=sampling.top_k,
            top_p=max(sampling.top_p, LEAST_TOP_P),
            min_p=sampling.min_p,
            repetition_penalty=sampling.repetition_penalty,
            seed=sampling.seed,
            max_tokens=limit,
            stop_token_ids=sorted(stops),
            ignore_eos=True,
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
        )


def scoring_parameters(last: int) -> Any:
    """The text's last token is not part of its prompt but the only one that may come: there is room for it in the
    context, and its probability is that before the others were forbidden."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        temperature=0.0,
        max_tokens=1,
        prompt_logprobs=1,
        logprobs=1,
        allowed_token_ids=[last],
        ignore_eos=True,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


@contextmanager
def _refusals() -> Iterator[None]:
    from vllm.exceptions import VLLMClientError

    try:
        yield
    except (VLLMClientError, ValueError) as error:
        raise InputError(f"vLLM takes no such request: {error}") from error


def _score(output: Any, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each place the given token's log probability, and the token of rank 1."""
    places = [*output.prompt_logprobs[1:], output.outputs[0].logprobs[0]]
    found = [place[token].logprob for place, token in zip(places, ids[1:].tolist(), strict=True)]
    best = [next(token for token, entry in place.items() if entry.rank == 1) for place in places]
    return np.array(found, np.float32), np.array(best, np.int32)
