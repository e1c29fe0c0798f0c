"""What Prometheus reads: counts and times of requests, batches, predictions and tokens.

One registry a server, so that two servers in one process do not share numbers.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from modelyard.core.requirement import Verdict
from modelyard.serve.drift import FeatureDrift
from modelyard.serve.log import lost_lines
from modelyard.serve.pace import Pace

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_TOKEN_SECONDS = (0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5)
_ROWS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The instruments. Label values come from the server's own names, never from a request's text."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        model = ("model", "version")
        self.request_seconds = Histogram(
            "modelyard_request_duration_seconds",
            "Time from a request's headers to the end of its answer.",
            (*model, "route", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = 0
        in_flight = Gauge("modelyard_requests_in_flight", "Requests that are being answered.", registry=self.registry)
        in_flight.set_function(lambda: self.in_flight)
        self.batch_rows = Histogram(
            "modelyard_batch_rows", "Rows in one call of the model.", model, buckets=_ROWS, registry=self.registry
        )
        self.queue_rows = Gauge(
            "modelyard_queue_rows", "Rows that no worker has taken yet.", model, registry=self.registry
        )
        self.workers = Gauge("modelyard_workers", "Worker processes that are there.", model, registry=self.registry)
        self.worker_losses = Counter(
            "modelyard_worker_losses", "Worker processes that ended unasked.", model, registry=self.registry
        )
        self.swaps = Counter(
            "modelyard_swaps",
            "Versions that took the place of another, or were found unfit to.",
            ("model", "outcome"),
            registry=self.registry,
        )
        self.rollout_weight = Gauge(
            "modelyard_rollout_weight",
            "Percent of the traffic that a new version takes.",
            model,
            registry=self.registry,
        )
        self.rollouts = Counter(
            "modelyard_rollouts", "Rollouts that ended.", ("model", "outcome"), registry=self.registry
        )
        self.predictions = Counter(
            "modelyard_predictions", "Predictions by the class they name.", (*model, "label"), registry=self.registry
        )
        self.rules = Counter(
            "modelyard_rules",
            "Rows that a rule of the recipe has decided, or has sent to a person.",
            ("model", "rule", "outcome"),
            registry=self.registry,
        )
        self.reviews = Counter(
            "modelyard_reviews",
            "Answers that were put before a person, by the first reason.",
            ("model", "reason"),
            registry=self.registry,
        )
        self.reviews_dropped = Counter(
            "modelyard_reviews_dropped",
            "Rows that no person will see, although one should.",
            ("model", "why"),
            registry=self.registry,
        )
        self.tokens = Counter(
            "modelyard_tokens",
            "Tokens read (prompt) and written (completion).",
            (*model, "kind"),
            registry=self.registry,
        )
        self.loads = Counter(
            "modelyard_loads",
            "Models that were opened because they were asked, and closed to make room for others.",
            ("model", "event"),
            registry=self.registry,
        )
        self.first_token_seconds = Histogram(
            "modelyard_time_to_first_token_seconds",
            "Time from the request for an answer to its first token, the wait for its turn included.",
            model,
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.between_tokens_seconds = Histogram(
            "modelyard_inter_token_latency_seconds",
            "Time from one token of an answer to the next.",
            model,
            buckets=_TOKEN_SECONDS,
            registry=self.registry,
        )
        self.answers_running = Gauge(
            "modelyard_answers_running", "Answers that are being written.", model, registry=self.registry
        )
        self.cache_tokens = Gauge(
            "modelyard_cache_tokens",
            "Tokens of key-value cache: promised to answers (held), asked for by those that wait (waiting), and all.",
            (*model, "state"),
            registry=self.registry,
        )
        self.drift = Gauge(
            "modelyard_drift",
            "How far live rows are from those of the release: population stability index, Kolmogorov-Smirnov distance, "
            "energy distance of embeddings.",
            (*model, "feature", "method"),
            registry=self.registry,
        )
        self.drifted = Gauge(
            "modelyard_drifted",
            "1 where a feature is surely further from its reference than it may be.",
            (*model, "feature"),
            registry=self.registry,
        )
        self.alarms = Gauge(
            "modelyard_alarm",
            "1 while an alarm of the server's own goes on.",
            (*model, "alert"),
            registry=self.registry,
        )
        self.alarm_messages = Counter(
            "modelyard_alarm_messages",
            "Messages to webhooks by what became of them.",
            ("outcome",),
            registry=self.registry,
        )
        self.registry.register(_LostLines())
        build = Info("modelyard_build", "What is running.", registry=self.registry)
        build.info({"version": version("modelyard"), "python": platform.python_version()})

    def follow(self, model: str) -> None:
        """Show counts of 0: an increase from nothing at all is none to Prometheus."""
        for counter, outcomes in ((self.swaps, ("done", "unfit")), (self.rollouts, ("promoted", "rolled back"))):
            for outcome in outcomes:
                counter.labels(model, outcome)

    def pace(self, model: str, version: str) -> Pace:
        """What is told of each token of a version."""
        labels = (model, version)
        tokens = [self.tokens.labels(*labels, kind) for kind in ("prompt", "completion")]
        return Pace(self.first_token_seconds.labels(*labels), self.between_tokens_seconds.labels(*labels), *tokens)

    def forget(self, model: str, version: str) -> None:
        """A version is served no more: what it has and has waiting is not shown any longer; its counts stay."""
        for gauge in (self.queue_rows, self.workers, self.answers_running, self.cache_tokens):
            gauge.remove_by_labels({"model": model, "version": version})

    def show_drift(self, model: str, version: str, found: FeatureDrift) -> None:
        """One feature of a version, as it was last judged."""
        for method, value in ((found.method, found.size.value), ("ks", found.distance)):
            if value is not None:
                self.drift.labels(model, version, found.feature, method).set(value)
        self.drifted.labels(model, version, found.feature).set(found.verdict is Verdict.NOT_MET)

    def forget_watching(self, model: str, version: str) -> None:
        """A version is watched no more."""
        for gauge in (self.drift, self.drifted, self.alarms):
            gauge.remove_by_labels({"model": model, "version": version})

    def render(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self.registry)


class _LostLines(Collector):
    """Of the log, which belongs to the process."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily("modelyard_log_lines_lost", "Lines of the log that nobody took.", value=lost_lines())
