"""The Open Inference Protocol, version 2, over REST, with Triton's binary tensors.

https://github.com/kserve/open-inference-protocol. Works for every task whose rows are text,
images, or columns of a table, which are a tensor each; knows none of them by name.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from modelyard.core.access import Role
from modelyard.core.task import Prediction
from modelyard.methods import class_predictions, number_predictions
from modelyard.serve import bodies
from modelyard.serve.access import GuardedRoute
from modelyard.serve.addressed import addressed, awake
from modelyard.serve.admission import check_options, check_row_texts
from modelyard.serve.callers import caller_of, seconds_given
from modelyard.serve.connection import while_connected
from modelyard.serve.desk import Desk
from modelyard.serve.exchange import exchange_of, key_of
from modelyard.serve.hosting import Host, Served
from modelyard.serve.json_answer import json_answer
from modelyard.serve.judging import Judged
from modelyard.serve.limits import Limits
from modelyard.serve.metrics import Metrics
from modelyard.serve.refusals import RefusalError
from modelyard.serve.tensors import read_document, read_rows, to_tensors, write_outputs

_HEADER_LENGTH = "inference-header-content-length"
_PROTOCOL = frozenset({"binary_data_output", "timeout", "priority"})
"""Parameters that speak to the server; the others are options of the task."""


class InferenceProtocol:
    """Routes under ``/v2``."""

    def __init__(self, host: Host, limits: Limits, metrics: Metrics, desk: Desk | None = None) -> None:
        self._host, self._limits, self._metrics, self._desk = host, limits, metrics, desk
        self._predicted = functools.cache(metrics.predictions.labels)

    def routes(self) -> list[GuardedRoute]:
        models = ("/v2/models/{model}", "/v2/models/{model}/versions/{version}")
        # Routes are tried in turn: what is asked most stands first.
        routes = [GuardedRoute(f"{place}/infer", self._infer, methods=["POST"], role=Role.PREDICT) for place in models]
        routes += [
            GuardedRoute("/v2", self._server, methods=["GET"], role=Role.VIEWER),
            GuardedRoute("/v2/health/live", self._live, methods=["GET"], role=None),
            GuardedRoute("/v2/health/ready", self._ready, methods=["GET"], role=None),
        ]
        for place in models:
            routes += [
                GuardedRoute(place, self._model, methods=["GET"], role=Role.VIEWER),
                GuardedRoute(f"{place}/ready", self._model_ready, methods=["GET"], role=Role.VIEWER),
            ]
        return routes

    async def _server(self, request: Request) -> Response:
        """Name, version and extensions of the server."""
        extensions = ["binary_tensor_data", "model_repository"]
        return json_answer({"name": "modelyard", "version": version("modelyard"), "extensions": extensions})

    async def _live(self, request: Request) -> Response:
        """Whether the process answers at all."""
        return json_answer({"live": True})

    async def _ready(self, request: Request) -> Response:
        """Whether every model that was asked for is loaded and answers."""
        return json_answer({"ready": self._host.ready}, status=200 if self._host.ready else 503)

    async def _model(self, request: Request) -> Response:
        """What goes into a model and what comes out."""
        return json_answer(self._describe(self._find(request)))

    async def _model_ready(self, request: Request) -> Response:
        """Whether one model answers."""
        served = self._find(request)
        ready = served.scheduler.alive
        return json_answer({"name": served.name, "ready": ready}, status=200 if ready else 503)

    async def _infer(self, request: Request) -> Response:
        """Predictions for a batch of rows."""
        document, binary = await self._read(request)
        path = request.path_params
        served = await awake(request, self._host, path["model"], path.get("version"))
        rows = read_rows(document.get("inputs"), binary, served.kinds, self._limits)
        check_row_texts(rows, served.kinds, self._limits)
        parameters = document.get("parameters") or {}
        options, seconds = self._read_parameters(request, served, parameters)
        caller = caller_of(request, parameters.get("priority", 0))
        judged = Judged(served, rows, self._metrics)
        await judged.before()
        predictions: list[Prediction] = []
        if spared := judged.spared:
            # What comes in is watched whoever answers it; what goes out only where the model does.
            self._host.watch(served, spared, [{}] * len(spared))
        if asked := judged.asked:
            predictions = await while_connected(request, served.scheduler.submit(asked, options, seconds, caller))
            self._count(served, predictions)
            self._host.watch(served, asked, predictions)
            self._host.mirror(served, asked, options, predictions)
        answers = judged.after(predictions)
        if self._desk:
            self._desk.take(judged.answered(answers, exchange_of(request).request_id, key_of(request).id))
        by_default = parameters.get("binary_data_output") is True
        outputs, data = write_outputs(to_tensors(answers), document.get("outputs"), binary_by_default=by_default)
        answer: dict[str, Any] = {"model_name": served.name, "model_version": served.version, "outputs": outputs}
        if marks := judged.marks():
            answer["parameters"] = marks
        if "id" in document:
            answer["id"] = document["id"]
        return _with_binary(answer, data)

    def _count(self, served: Served, predictions: Sequence[Prediction]) -> None:
        served.live.answered(predictions)
        for prediction in predictions:
            if "label" in prediction:
                self._predicted(served.name, served.version, prediction["label"]).inc()

    def _find(self, request: Request) -> Served:
        path = request.path_params
        return addressed(request, self._host, path["model"], path.get("version"))

    async def _read(self, request: Request) -> tuple[dict[str, Any], bytes]:
        body = await bodies.read_body(request, self._limits)
        split = request.headers.get(_HEADER_LENGTH)
        if split is not None and not (split.isascii() and split.isdecimal() and int(split[:12]) <= len(body)):
            raise RefusalError(400, f"{_HEADER_LENGTH}: {split[:40]}", expected="a number of bytes within the body")
        size = int(split) if split is not None else len(body)
        document = read_document(await bodies.parse_json(body[:size], self._limits))
        if not isinstance(document.get("id", ""), str):
            raise RefusalError(422, "'id' is not a string")
        return document, body[size:]

    def _read_parameters(
        self, request: Request, served: Served, parameters: Mapping[str, Any]
    ) -> tuple[dict[str, Any], float]:
        """Options for the task, and the seconds that the client gives (``timeout``, in microseconds, or a header)."""
        options = {name: value for name, value in parameters.items() if name not in _PROTOCOL}
        generates = "generation" in served.task.abilities
        if generates:
            check_options(options, self._limits)
        seconds = seconds_given(request, self._limits.generate_seconds if generates else self._limits.predict_seconds)
        timeout = parameters.get("timeout", 0)
        if type(timeout) is not int or timeout < 0:
            raise RefusalError(422, f"timeout {timeout!r:.40}", expected="microseconds, 0 for the server's own limit")
        return options, min(seconds, timeout / 1e6) if timeout else seconds

    def _describe(self, served: Served) -> dict[str, Any]:
        model, task = served.model, served.task
        versions = [item.version for item in self._host.models() if item.name == served.name]
        outputs: list[tuple[str, str, list[int]]] = []
        if "labels" in task.abilities:
            classes = len(model.labels)
            outputs += [("label", "BYTES", [-1]), ("score", "FP64", [-1]), ("scores", "FP64", [-1, classes])]
            outputs += [(class_predictions.SET, "BYTES", [-1])] if class_predictions.gives_sets(model) else []
        if "generation" in task.abilities:
            outputs += [("text", "BYTES", [-1]), ("finish_reason", "BYTES", [-1])]
            outputs += [("prompt_tokens", "INT64", [-1]), ("completion_tokens", "INT64", [-1])]
        if not outputs:
            outputs = [("value", "FP64", [-1])]
            if number_predictions.gives_intervals(model):
                outputs += [(number_predictions.LOW, "FP64", [-1]), (number_predictions.HIGH, "FP64", [-1])]
        return {
            "name": served.name,
            "versions": versions,
            "platform": f"modelyard_{model.runtime}",
            "inputs": [
                _tensor(name, "FP64" if kind == "number" else "BYTES", [-1]) for name, kind in served.kinds.items()
            ],
            "outputs": [_tensor(*output) for output in outputs],
            "parameters": {
                "task": task.name,
                "version": served.version,
                "digest": model.digest,
                "labels": list(model.labels),
                **served.hosted.about,
            },
        }


def _tensor(name: str, datatype: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape}


def _with_binary(answer: Mapping[str, Any], data: bytes) -> Response:
    head = orjson.dumps(answer)
    if not data:
        return Response(head, media_type="application/json")
    headers = {_HEADER_LENGTH: str(len(head))}
    return Response(head + data, headers=headers, media_type="application/octet-stream")
