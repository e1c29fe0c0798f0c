"""What waits for the model, in the order in which it is due.

Start-time fair queueing (Goyal, Vin and Cheng 1996): a row is due at the virtual time at which its flow's last row
would have ended, or now if the flow had nothing waiting. A flow is one caller in one class of priority; a flow of
twice the weight advances half as fast. So a caller that sends a thousand rows delays itself and nobody else, and
every row comes to its turn. Knows no model and no clock.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, NamedTuple, Protocol, TypeVar


class Caller(NamedTuple):
    """Who asks, and how urgently.

    Attributes:
        name: callers of one name share what is theirs.
        weight: share of the model beside that of others.
    """

    name: str = ""
    weight: float = 1.0


class Waiter(Protocol):
    """What may wait."""

    caller: Caller
    cost: float
    """Seconds of work, roughly."""
    due: float
    """Set when it begins to wait."""


Item = TypeVar("Item", bound=Waiter)

_FEW = 64
"""Flows that are kept without a look at whether they are still needed."""


@dataclass
class _Flow(Generic[Item]):
    items: dict[Item, None] = field(default_factory=dict)
    cost: float = 0.0
    ends: float = 0.0


class Waiting(Generic[Item]):
    """A queue of flows."""

    def __init__(self) -> None:
        self._flows: dict[Caller, _Flow[Item]] = {}
        self._now = 0.0
        self._count = 0
        self._most = _FEW

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Item]:
        return (item for flow in self._flows.values() for item in flow.items)

    def add(self, item: Item) -> None:
        """It waits from now on."""
        flow = self._flows.setdefault(item.caller, _Flow())
        item.due = max(self._now, flow.ends)
        flow.ends = item.due + item.cost / item.caller.weight
        flow.cost += item.cost
        flow.items[item] = None
        self._count += 1

    def remove(self, item: Item) -> None:
        """It waits no more; nothing happens if it did not."""
        flow = self._flows.get(item.caller)
        if flow is None or item not in flow.items:
            return
        del flow.items[item]
        flow.cost -= item.cost
        self._count -= 1
        if not self._count:
            # Whoever was ahead of its turn took it from nobody.
            self._flows.clear()

    def take(self, item: Item) -> None:
        """It is due: others that begin to wait are due no sooner."""
        if item.due > self._now:
            self._now = item.due
            self._forget()
        self.remove(item)

    def _forget(self) -> None:
        """Flows with nothing waiting that are no more ahead of their turn."""
        if len(self._flows) > self._most:
            self._flows = {caller: flow for caller, flow in self._flows.items() if flow.items or flow.ends > self._now}
            # Looked at again when there are twice as many, so that it costs little however many there are.
            self._most = 2 * len(self._flows) + _FEW

    def front(self, most: int) -> list[Item]:
        """Up to ``most`` items, the first one due first."""
        flows: list[Iterator[Item]] = [iter(flow.items) for flow in self._flows.values() if flow.items]
        if len(flows) == 1:
            return list(islice(flows[0], most))
        return list(islice(heapq.merge(*flows, key=lambda item: item.due), most))

    def rows_of(self, name: str) -> int:
        """How many items of callers of that name wait."""
        return sum(len(flow.items) for caller, flow in self._flows.items() if caller.name == name)

    def cost_before(self, caller: Caller) -> float:
        """Seconds of work that are due before an item of this caller that begins to wait now."""
        own = self._flows.get(caller)
        ends = max(self._now, own.ends) if own else self._now
        return sum(
            min(flow.cost, max(0.0, ends - self._now) * other.weight) if flow is not own else flow.cost
            for other, flow in self._flows.items()
        )
