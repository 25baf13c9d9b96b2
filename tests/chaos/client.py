"""A chaos client: chooses random actions until it is stopped."""

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from tests.chaos.caller import Caller, own_id
from tests.chaos.inventory import Inventory, Place
from tests.chaos.ledger import Ledger, Operation, Verb

SHARED: float = 0.4
"""How many of the actions use the shared inventory."""


@dataclass
class ChaosClient:
    """What an action needs. Everything that is random comes from `rng`."""

    name: str
    rng: random.Random
    caller: Caller
    ledger: Ledger
    shared: Inventory
    own: Inventory

    def choose_inventory(self) -> Inventory:
        """Choose the shared or the own inventory at random."""
        return self.shared if self.rng.random() < SHARED else self.own

    def open(self, verb: Verb, *targets: str, must: bool = True) -> Operation:
        """Add a new operation to the ledger."""
        return self.ledger.open(self.name, verb, targets, must=must)

    def flow_id(self, inventory: Inventory, flow: str) -> str | None:
        """Return the flow's id; create the flow if the id is unknown."""
        known = inventory.flow_ids.get(flow)
        if known is None:
            known = make_flow(self.caller, self.open("create-flow", must=False), flow)
            if known is None:
                return None
            inventory.flow_ids[flow] = known
        return known

    def forget_missing(self, inventory: Inventory, place: Place, status: int) -> None:
        """Forget the place (404) or the flow (409) that a response reports as gone."""
        if status == 404:
            inventory.forget(place)
        if status == 409:
            inventory.forget_flow(place[0])


def make_flow(caller: Caller, operation: Operation, name: str) -> str | None:
    """Create the flow, tagged with the token, unless it exists; return its id if the response has it."""
    operation.values = {"tags": [operation.token]}
    response = caller.send(operation, "POST", "/flows/", {"name": name, "tags": [operation.token]}, own_id)
    if response is None or not response.is_success:
        return None
    # An existing flow is not changed.
    operation.must = response.status_code == HTTPStatus.CREATED
    return str(response.json()["id"])


Action = Callable[[ChaosClient], None]


def run_client(client: ChaosClient, actions: Sequence[tuple[Action, int]], stopping: threading.Event) -> None:
    """Run random actions, chosen by weight, until `stopping` is set."""
    choices, weights = zip(*actions, strict=True)
    while not stopping.is_set():
        (action,) = client.rng.choices(choices, weights)
        action(client)
