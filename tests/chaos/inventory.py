"""The flows, deployments and pools that the chaos clients work on, and the states that the clients expect them in."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos.ledger import Operation

Place = tuple[str, str]
"""A flow's name and a deployment's name in it."""

DOUBT_SECONDS: Final = 60.0
"""For so long a try that never answered may still happen, in seconds: no transaction lives longer."""


@dataclass
class Inventory:
    """A set of places. All clients write to a shared inventory: each write is atomic, any entry may be out of date."""

    flows: Sequence[str]
    names: Sequence[str]
    own: bool
    """Whether only one client uses it, one operation after the other."""
    flow_ids: dict[str, str] = field(default_factory=dict)
    ids: dict[Place, str] = field(default_factory=dict)
    schedules: dict[str, list[str]] = field(default_factory=dict)
    limits: list[str] = field(default_factory=list)
    pools: dict[str, str] = field(default_factory=dict)
    """Names by id; and so below."""
    queues: dict[str, Place] = field(default_factory=dict)
    """The names of the pool and of the queue."""
    paused: dict[str, bool] = field(default_factory=dict)
    """By the id of what can be paused, on an own inventory, when it is certain."""
    doubts: dict[Place, float] = field(default_factory=dict)
    """When a try that may have changed `paused` ended without telling."""
    last_upserts: dict[Place, tuple[Operation, dict[str, Any]]] = field(default_factory=dict)

    def any_place(self, rng: random.Random) -> Place:
        """Return a random place, with or without a deployment."""
        return rng.choice(self.flows), rng.choice(self.names)

    def any_deployment(self, rng: random.Random) -> tuple[Place, str] | None:
        """Return a random place with a known deployment, and its id."""
        taken = sorted(self.ids.items())
        return rng.choice(taken) if taken else None

    def record_paused(self, place: Place, id_: str, operation: Operation, paused: bool | None) -> None:
        """Record the effect of an operation on `paused`, on an own inventory only."""
        if not self.own or not operation.fields & {"is_paused", "paused"}:
            return
        if operation.doubtful:
            self.doubts[place] = time.monotonic()
            self.paused.pop(id_, None)
        elif operation.acknowledged is not None and paused is not None:
            self.paused[id_] = paused

    def known_paused(self, place: Place, id_: str) -> bool | None:
        """Return whether it is paused, or None if that is uncertain."""
        if time.monotonic() - self.doubts.get(place, -DOUBT_SECONDS) < DOUBT_SECONDS:
            return None
        return self.paused.get(id_)

    def forget(self, place: Place) -> None:
        """Drop the expected state of this place."""
        id_ = self.ids.pop(place, None)
        self.last_upserts.pop(place, None)
        if id_ is not None:
            self.schedules.pop(id_, None)
            self.paused.pop(id_, None)

    def forget_pool(self, pool_id: str) -> None:
        """Drop the expected state of this pool and its queues."""
        name = self.pools.pop(pool_id, None)
        for queue_id in [queue_id for queue_id, place in list(self.queues.items()) if place[0] == name]:
            self.queues.pop(queue_id, None)

    def forget_flow(self, flow: str) -> None:
        """Drop the expected state of this flow and its places."""
        self.flow_ids.pop(flow, None)
        for place in [place for place in list(self.ids) if place[0] == flow]:
            self.forget(place)
