"""A chaos client: makes random moves until it is stopped."""

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from tests.chaos.board import Board, Place
from tests.chaos.caller import Caller, own_id
from tests.chaos.ledger import Ledger, Operation, Verb

SHARED: float = 0.4
"""How many of the moves are made where all clients play."""


@dataclass
class Player:
    """What a move needs. Everything that is random comes from `rng`."""

    name: str
    rng: random.Random
    caller: Caller
    ledger: Ledger
    shared: Board
    own: Board

    def board(self) -> Board:
        """Choose the shared or the own board at random."""
        return self.shared if self.rng.random() < SHARED else self.own

    def open(self, verb: Verb, *targets: str, must: bool = True) -> Operation:
        """Add a new operation to the ledger."""
        return self.ledger.open(self.name, verb, targets, must=must)

    def flow_id(self, board: Board, flow: str) -> str | None:
        """Return the flow's id; create the flow if the id is unknown."""
        known = board.flow_ids.get(flow)
        if known is None:
            known = make_flow(self.caller, self.open("create-flow", must=False), flow)
            if known is None:
                return None
            board.flow_ids[flow] = known
        return known

    def lost(self, board: Board, place: Place, status: int) -> None:
        """Forget the place (404) or the flow (409) that a response reports as gone."""
        if status == 404:
            board.forget(place)
        if status == 409:
            board.forget_flow(place[0])


def make_flow(caller: Caller, operation: Operation, name: str) -> str | None:
    """Create the flow, tagged with the token, unless it exists; return its id if the response has it."""
    operation.values = {"tags": [operation.token]}
    response = caller.send(operation, "POST", "/flows/", {"name": name, "tags": [operation.token]}, own_id)
    if response is None or not response.is_success:
        return None
    # An existing flow is not changed.
    operation.must = response.status_code == HTTPStatus.CREATED
    return str(response.json()["id"])


Move = Callable[[Player], None]


def play(player: Player, moves: Sequence[tuple[Move, int]], stopping: threading.Event) -> None:
    """Make random moves, chosen by weight, until `stopping` is set."""
    choices, weights = zip(*moves, strict=True)
    while not stopping.is_set():
        (move,) = player.rng.choices(choices, weights)
        move(player)
