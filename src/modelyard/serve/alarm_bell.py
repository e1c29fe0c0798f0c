"""Tells of alarms: in the log, in the metrics, and to the webhook of the recipe or of the server.

Knows no requirement; what an alarm is stands in :mod:`modelyard.serve.alarms`.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.methods.rules import Told
from modelyard.serve.alarm_messages import message
from modelyard.serve.alarms import Alarm
from modelyard.serve.log import model_labels, write_log
from modelyard.serve.metrics import Metrics
from modelyard.serve.webhook import FIRST_PAUSE, Webhook


class Bell:
    """Rings for the alarms of a server, until :meth:`close`.

    Args:
        told: who is told of all models; None for those that each recipe names.
        secret: signs what is sent.
        first_pause: seconds before a message is tried again.

    Raises:
        InputError: what is sent there could be read on the way.
    """

    def __init__(
        self, told: Told | None = None, *, secret: bytes | None = None, first_pause: float = FIRST_PAUSE
    ) -> None:
        self._told, self._secret, self._first_pause = told, secret, first_pause
        self._webhooks: dict[Told, Webhook] = {}
        self._metrics: Metrics | None = None

    def ring(self, alarms: Sequence[Alarm], told: Told | None, metrics: Metrics) -> None:
        """Tell of alarms of one version; never waits.

        Args:
            told: who is told, as the version's recipe has it.
        """
        self._metrics = metrics
        to = self._told or told
        for alarm in alarms:
            item, sent = alarm.finding, message(alarm)
            metrics.alarms.labels(item.model, item.version, item.alert).set(alarm.firing)
            fields = {**model_labels(item.model, item.version), "modelyard": sent["alerts"][0]}
            action = "alarm" if alarm.firing else "alarm over"
            write_log(action, fields, level="warn" if alarm.firing else "info", message=item.summary)
            if to is not None:
                self._webhook(to).send(sent)

    def close(self) -> None:
        """Try once more what was not delivered yet."""
        for webhook in self._webhooks.values():
            webhook.close()

    def _webhook(self, told: Told) -> Webhook:
        if told not in self._webhooks:
            self._webhooks[told] = Webhook(
                told.webhook,
                secret=self._secret,
                plain=told.plain_http,
                count=self._count,
                first_pause=self._first_pause,
            )
        return self._webhooks[told]

    def _count(self, outcome: str) -> None:
        if self._metrics:
            self._metrics.alarm_messages.labels(outcome).inc()
