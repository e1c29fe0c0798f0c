"""OpenAI's completions and chat for text generation, whole or as server-sent events; and embeddings of texts.

https://platform.openai.com/docs/api-reference. The first two are one prompt in and one growing text out; a
whole answer is a stream that was collected, so that a client that goes away ends either.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from modelyard.core.access import Role
from modelyard.core.task import EMBEDDING, EmbeddingTask, GeneratingTask, Piece
from modelyard.serve import bodies
from modelyard.serve.access import GuardedRoute
from modelyard.serve.addressed import addressed, awake
from modelyard.serve.admission import check_texts
from modelyard.serve.callers import caller_of, seconds_given
from modelyard.serve.connection import while_connected
from modelyard.serve.exchange import error_body, exchange_of, key_of, log_failure
from modelyard.serve.hosting import Host, Served
from modelyard.serve.json_answer import json_answer
from modelyard.serve.judging import Judged
from modelyard.serve.limits import Limits
from modelyard.serve.metrics import Metrics
from modelyard.serve.openai_answers import Answer, ChatAnswer, CompletionAnswer
from modelyard.serve.openai_embeddings import embeddings_answer, read_embeddings
from modelyard.serve.openai_requests import Sampling, read_chat, read_completion
from modelyard.serve.refusals import RefusalError, refusal_of
from modelyard.serve.waiting import Caller

Pieces = AsyncGenerator[tuple[int, Piece], None]
"""Pieces of answers by the answer's index."""


class OpenAIProtocol:
    """Routes under ``/v1``."""

    def __init__(self, host: Host, limits: Limits, metrics: Metrics) -> None:
        self._host, self._limits, self._metrics = host, limits, metrics
        self._started = int(time.time())

    def routes(self) -> list[GuardedRoute]:
        return [
            GuardedRoute("/v1/models", self._models, methods=["GET"], role=Role.VIEWER),
            GuardedRoute("/v1/models/{model}", self._model, methods=["GET"], role=Role.VIEWER),
            GuardedRoute("/v1/completions", self._complete, methods=["POST"], role=Role.PREDICT),
            GuardedRoute("/v1/chat/completions", self._chat, methods=["POST"], role=Role.PREDICT),
            GuardedRoute("/v1/embeddings", self._embed, methods=["POST"], role=Role.PREDICT),
        ]

    async def _models(self, request: Request) -> Response:
        """Every name that the key is for, and every version as name:version."""
        models = [served for served in self._host.models() if key_of(request).may_use(served.name)]
        asleep = [name for name in self._host.residence.asleep if key_of(request).may_use(name)]
        names = [*dict.fromkeys([*(served.name for served in models), *asleep]), *(served.label for served in models)]
        return json_answer({"object": "list", "data": [self._entry(name) for name in names]})

    async def _model(self, request: Request) -> Response:
        """One model."""
        name = request.path_params["model"]
        label, _, version = name.partition(":")
        if version or not self._host.residence.sleeps(label):
            # A look at a model is no request of it: a canary's share is left as it is.
            addressed(request, self._host, label, version or None)
        return json_answer(self._entry(name))

    def _entry(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self._started, "owned_by": "modelyard"}

    async def _complete(self, request: Request) -> Response:
        """Text that goes on from a prompt."""
        asked = read_completion(await bodies.read_json(request, self._limits), self._limits)
        served = await self._find(request, asked.model, "generation", "generates no text")
        answer = CompletionAnswer(served.label, asked.n or 1)
        return await self._answer(request, served, asked, asked.prompts, asked.prompts, answer)

    async def _chat(self, request: Request) -> Response:
        """The next message of a chat."""
        asked = read_chat(await bodies.read_json(request, self._limits), self._limits)
        served = await self._find(request, asked.model, "generation", "generates no text")
        task = cast(GeneratingTask, served.task)
        prompt = await asyncio.to_thread(lambda: task.chat_prompt(served.processor, asked.plain_messages))
        said = "\n".join(message["content"] for message in asked.plain_messages)
        return await self._answer(request, served, asked, [prompt], [said], ChatAnswer(served.label, asked.n or 1))

    async def _embed(self, request: Request) -> Response:
        """Vectors that stand for texts."""
        asked = read_embeddings(await bodies.read_json(request, self._limits), self._limits)
        served = await self._find(request, asked.model, EMBEDDING, "gives no embeddings")
        task, processor = cast(EmbeddingTask, served.task), served.processor
        rows = [{"text": item if isinstance(item, str) else task.text_of(processor, item)} for item in asked.items]
        check_texts((row["text"] for row in rows), self._limits)
        await Judged(served, rows, self._metrics).before()
        seconds, caller = seconds_given(request, self._limits.predict_seconds), caller_of(request)
        answers = await while_connected(request, served.scheduler.submit(rows, {EMBEDDING: True}, seconds, caller))
        self._host.watch(served, rows, [{}] * len(rows))
        return json_answer(embeddings_answer(served.label, asked, answers))

    async def _find(self, request: Request, label: str, ability: str, otherwise: str) -> Served:
        """The model of a label, which must be able to do what it is asked for."""
        name, _, version = label.partition(":")
        served = await awake(request, self._host, name, version or None)
        if ability not in served.task.abilities:
            raise RefusalError(
                400,
                f"{label} does {served.task.name}, it {otherwise}",
                fix=f"ask POST /v2/models/{served.name}/infer",
                code="wrong_task",
            )
        return served

    async def _answer(
        self,
        request: Request,
        served: Served,
        asked: Sampling,
        prompts: Sequence[str],
        said: Sequence[str],
        answer: Answer,
    ) -> Response:
        """Args:
        said: what callers wrote, without the marks of a chat's template: that is watched.
        """
        seconds, rows = seconds_given(request, self._limits.generate_seconds), [{"text": text} for text in said]
        await Judged(served, [{"text": prompt} for prompt in prompts], self._metrics).before()
        pieces = self._generate(served, prompts, asked, caller_of(request), seconds)
        if not asked.stream:
            whole = await while_connected(request, _collect(pieces, answer))
            self._host.watch(served, rows, [{}] * len(rows))
            return json_answer(whole)
        # Nothing is sent before there is something to send, so that a refusal still has its status.
        first = await while_connected(request, anext(pieces))
        self._host.watch(served, rows, [{}] * len(rows))
        return _EventStream(self._events(request, pieces, first, answer, asked.stream_options.include_usage), pieces)

    async def _generate(
        self, served: Served, prompts: Sequence[str], asked: Sampling, caller: Caller, seconds: float
    ) -> Pieces:
        """The answers grow side by side; whoever reads them slowly slows none but these."""
        seed = asked.seed if asked.seed is not None else secrets.randbits(32)
        came: asyncio.Queue[tuple[int, Piece] | Exception] = asyncio.Queue(1)

        async def write(index: int) -> None:
            row = {"text": prompts[index // (asked.n or 1)]}
            options = {**asked.options, "seed": (seed + index) % 2**63}
            try:
                async with aclosing(served.scheduler.stream(row, options, seconds, caller)) as pieces:
                    async for piece in pieces:
                        await came.put((index, piece))
            except Exception as error:
                await came.put(error)

        growing = [asyncio.create_task(write(index)) for index in range(len(prompts) * (asked.n or 1))]
        left = len(growing)
        try:
            while left:
                item = await came.get()
                if isinstance(item, Exception):
                    raise item
                left -= item[1].finish_reason is not None
                yield item
        finally:
            for task in growing:
                task.cancel()
            await asyncio.gather(*growing, return_exceptions=True)

    async def _events(
        self, request: Request, pieces: Pieces, first: tuple[int, Piece], answer: Answer, include_usage: bool
    ) -> AsyncIterator[bytes]:
        try:
            async for index, piece in _chain(first, pieces):
                for chunk in answer.add(index, piece):
                    yield _event({**chunk, "usage": None} if include_usage else chunk)
            if include_usage:
                yield _event(answer.usage_chunk())
            yield b"data: [DONE]\n\n"
        except Exception as error:
            # The status is long gone: the error is the last event, and no [DONE] follows.
            refusal = refusal_of(error)
            if refusal.status == 500:
                log_failure(error, exchange_of(request))
            yield _event(error_body(refusal, openai=True))


class _EventStream(StreamingResponse):
    """Server-sent events; whatever ends the response ends the generation."""

    def __init__(self, events: AsyncIterator[bytes], pieces: Pieces) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"cache-control": "no-store"})
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._pieces):
            await super().__call__(scope, receive, send)


async def _collect(pieces: Pieces, answer: Answer) -> dict[str, Any]:
    async with aclosing(pieces):
        async for index, piece in pieces:
            answer.add(index, piece)
    return answer.whole()


async def _chain(first: tuple[int, Piece], rest: Pieces) -> Pieces:
    yield first
    async for item in rest:
        yield item


def _event(value: Any) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"
