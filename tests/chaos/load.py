"""The clients of a chaos run: some send requests all the time, and one sends bursts on demand."""

import threading
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Final

from tests.chaos.board import Board
from tests.chaos.caller import Caller
from tests.chaos.ledger import Ledger
from tests.chaos.moves import MOVES
from tests.chaos.player import Player, play
from tests.chaos.writing import send_patch, upsert

SHARED_FLOWS: Final = ("hot-1", "hot-2", "hot-3")
NAMES: Final = ("a", "b", "c", "d")
BURST: Final = 60
"""Changes of a burst, sent as fast as one client can to the API whose queue holds five doorbells."""


class Load:
    """All clients. Each has its own thread and its own random generator, made from `seed`."""

    def __init__(self, ledger: Ledger, urls: Sequence[str], clients: int, seed: int) -> None:
        """Create the clients; bursts go to the first of `urls`."""
        self._stopping = threading.Event()
        self._bursts = threading.Semaphore(0)
        shared = Board(SHARED_FLOWS, NAMES, own=False)
        self._players = [self._player(f"c{number}", shared, ledger, urls, seed) for number in range(1, clients + 1)]
        self._burster = self._player("b1", shared, ledger, urls[:1], seed)
        self._threads = [
            threading.Thread(
                target=play, args=(player, MOVES, self._stopping), name=f"chaos-{player.name}", daemon=True
            )
            for player in self._players
        ]
        self._threads.append(threading.Thread(target=self._burst, name="b1", daemon=True))
        self.errors: list[str] = []
        """What ended a client that should have gone on."""

    def start(self) -> None:
        """Start all clients."""
        threading.excepthook = self._note
        for thread in self._threads:
            thread.start()

    def burst(self) -> None:
        """Ask for a burst."""
        self._bursts.release()

    def stop(self) -> None:
        """Tell all clients to begin no more moves."""
        self._stopping.set()
        self._bursts.release()

    def finish(self) -> None:
        """Stop all clients, and wait until each has ended its current move."""
        self.stop()
        for thread in self._threads:
            thread.join()
        for player in [*self._players, self._burster]:
            player.caller.close()

    def callers(self) -> list[Caller]:
        """Return the callers of all clients."""
        return [player.caller for player in [*self._players, self._burster]]

    def _player(self, name: str, shared: Board, ledger: Ledger, urls: Sequence[str], seed: int) -> Player:
        rng = Random(f"{seed} {name}")
        own = Board((f"{name}-1", f"{name}-2"), NAMES, own=True)
        return Player(name, rng, Caller(urls, rng, self._stopping), ledger, shared, own)

    def _burst(self) -> None:
        while self._bursts.acquire() and not self._stopping.is_set():
            upsert(self._burster)
            for _ in range(BURST):
                if not self._stopping.is_set():
                    send_patch(self._burster, lambda token: {"version": token}, self._burster.own)

    def _note(self, arguments: threading.ExceptHookArgs) -> None:
        name = arguments.thread.name if arguments.thread is not None else "a thread"
        self.errors.append(f"{name} ended with {arguments.exc_type.__name__}: {arguments.exc_value}")


def statuses(callers: Sequence[Caller]) -> dict[str, int]:
    """Return how often each status and each network error occurred."""
    total: Counter[str] = Counter()
    for caller in callers:
        total += caller.statuses
    return dict(sorted(total.items()))
