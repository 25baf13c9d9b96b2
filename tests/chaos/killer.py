"""Chooses the disruptions and their times, and runs them step by step, sometimes several at once."""

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.chaos import disruptions, plan
from tests.chaos.disruptions import Disruption, Steps
from tests.chaos.fleet import BROKER, DATABASE, PREFECT, SOURCE, Fleet

CHOICES: Final[dict[str, tuple[Disruption, str]]] = {
    "kill-api": (disruptions.kill_role, "api"),
    "kill-worker": (disruptions.kill_role, "worker"),
    "kill-child": (disruptions.kill_child, "worker"),
    "kill-beat": (disruptions.kill_role, "beat"),
    "kill-broker": (disruptions.kill_server, BROKER),
    "kill-database": (disruptions.kill_server, DATABASE),
    "hang-api": (disruptions.hang, "api"),
    "hang-worker": (disruptions.hang, "worker"),
    "hang-broker": (disruptions.hang, BROKER),
    "hang-database": (disruptions.hang, DATABASE),
    "restart-api": (disruptions.restart_role, "api"),
    "restart-worker": (disruptions.restart_role, "worker"),
    "restart-beat": (disruptions.restart_role, "beat"),
    "restart-broker": (disruptions.restart_server, BROKER),
    "restart-database": (disruptions.restart_server, DATABASE),
    "kill-source": (disruptions.kill_server, SOURCE),
    "kill-prefect": (disruptions.kill_role, PREFECT),
    "hang-source": (disruptions.hang, SOURCE),
    "hang-prefect": (disruptions.hang, PREFECT),
    "restart-source": (disruptions.restart_server, SOURCE),
    "cut-source": (disruptions.cut_database, SOURCE),
    "cut-database": (disruptions.cut_database, DATABASE),
    "cut-broker": (disruptions.cut_broker, BROKER),
    "flush-broker": (disruptions.flush_broker, BROKER),
}
"""What is done to which part. A burst is done by a client."""

FAMILIES: Final = (
    ({*plan.KILLS, *plan.SOURCE_KILLS}, 50),
    ({*plan.STOPS, *plan.SOURCE_STOPS}, 14),
    ({*plan.RESTARTS, *plan.SOURCE_RESTARTS}, 16),
    ({*plan.CUTS, *plan.SOURCE_CUTS}, 10),
    ({*plan.OTHERS}, 10),
)
"""Of a hundred disruptions, how many are of which family."""

AT_ONCE: Final = 0.15
"""How often the next disruption comes at once, and not after the pause."""


@dataclass
class Killer:
    """Disrupts the fleet. `begun` is called with each disruption's kind as it begins."""

    fleet: Fleet
    kinds: Sequence[str]
    pause: tuple[float, float]
    rng: random.Random
    begun: Callable[[str], None]
    burst: Callable[[], None]
    progress: Callable[[Counter[str]], None]
    """It is called now and then with the number of disruptions of each kind so far."""
    done: Counter[str] = field(default_factory=Counter)
    """How many disruptions of each kind there were."""
    _running: list[tuple[float, str, Steps]] = field(default_factory=list)

    def work(self, seconds: float) -> None:
        """Disrupt for this many seconds."""
        end = time.monotonic() + seconds
        next_one = time.monotonic() + self.rng.uniform(*self.pause)
        while time.monotonic() < end:
            self._advance()
            self.progress(self.done)
            if self.kinds and time.monotonic() >= next_one:
                self._begin()
                pause = 0.0 if self.rng.random() < AT_ONCE else self.rng.uniform(*self.pause)
                next_one = time.monotonic() + pause
            time.sleep(0.02)

    def finish_all(self) -> None:
        """Finish all open disruptions: afterwards everything runs again."""
        while self._running:
            self._advance()
            time.sleep(0.02)

    def abandon(self) -> None:
        """Drop all open disruptions; only resume frozen processes, so that they can be stopped."""
        for _, _, steps in self._running:
            with contextlib.suppress(ProcessLookupError):
                steps.close()

    def _begin(self) -> None:
        families = [([kind for kind in self.kinds if kind in family], weight) for family, weight in FAMILIES]
        families = [(family, weight) for family, weight in families if family]
        (family,) = self.rng.choices([each[0] for each in families], [each[1] for each in families])
        kind = self.rng.choice(family)
        if kind == "burst":
            self.burst()
        else:
            disruption, part = CHOICES[kind]
            free = self.fleet.free(self.fleet.names(part))
            if not free:
                return
            name = self.rng.choice(free)
            self.fleet.busy.add(name)
            self._running.append((0.0, name, disruption(self.fleet, name, self.rng)))
            self._advance()
        self.done[kind] += 1
        self.begun(kind)

    def _advance(self) -> None:
        for entry in list(self._running):
            due, name, steps = entry
            if time.monotonic() < due:
                continue
            self._running.remove(entry)
            wait = next(steps, None)
            if wait is None:
                self.fleet.busy.discard(name)
            else:
                self._running.append((time.monotonic() + wait, name, steps))
