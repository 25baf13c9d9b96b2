"""The clients of a chaos run: some send requests all the time, and one sends bursts on demand."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

from tests.chaos.actions import ACTIONS
from tests.chaos.caller import Caller
from tests.chaos.client import ChaosClient, run_client
from tests.chaos.deployment_actions import send_patch, upsert
from tests.chaos.inventory import Inventory
from tests.chaos.ledger import Ledger

SHARED_FLOWS: Final = ("hot-1", "hot-2", "hot-3")
NAMES: Final = ("a", "b", "c", "d")
BURST: Final = 60
"""Changes of a burst, sent as fast as one client can to the API whose queue holds five doorbells."""


def client_names(clients: int) -> list[str]:
    """Return the names of so many clients, and of the one that sends bursts."""
    return [*(f"c{number}" for number in range(1, clients + 1)), "b1"]


class Load:
    """All clients. Each has its own thread and its own random generator, made from `seed`."""

    def __init__(self, ledger: Ledger, urls: Sequence[str], keys: Mapping[str, str], clients: int, seed: int) -> None:
        """Create the clients, each with its key; bursts go to the first of `urls`."""
        self._stopping = threading.Event()
        self._bursts = threading.Semaphore(0)
        shared = Inventory(SHARED_FLOWS, NAMES, own=False)
        *names, burster = client_names(clients)
        self._clients = [self._make_client(name, keys[name], shared, ledger, urls, seed) for name in names]
        self._burster = self._make_client(burster, keys[burster], shared, ledger, urls[:1], seed)
        self._threads = [
            threading.Thread(
                target=run_client, args=(client, ACTIONS, self._stopping), name=f"chaos-{client.name}", daemon=True
            )
            for client in self._clients
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
        """Tell all clients to begin no more actions."""
        self._stopping.set()
        self._bursts.release()

    def finish(self) -> None:
        """Stop all clients, and wait until each has ended its current action."""
        self.stop()
        for thread in self._threads:
            thread.join()
        for client in [*self._clients, self._burster]:
            client.caller.close()

    def callers(self) -> list[Caller]:
        """Return the callers of all clients."""
        return [client.caller for client in [*self._clients, self._burster]]

    def _make_client(
        self, name: str, key: str, shared: Inventory, ledger: Ledger, urls: Sequence[str], seed: int
    ) -> ChaosClient:
        rng = Random(f"{seed} {name}")
        own = Inventory((f"{name}-1", f"{name}-2"), NAMES, own=True)
        return ChaosClient(name, rng, Caller(urls, key, rng, self._stopping), ledger, shared, own)

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
