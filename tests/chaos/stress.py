"""Runs the processes, clients, readers and disruptions together until all writing has ended."""

import time
from collections import Counter
from collections.abc import Callable
from random import Random

from tests.chaos import closing
from tests.chaos.caller import Caller
from tests.chaos.fleet import Fleet
from tests.chaos.keys import create_keys
from tests.chaos.killer import Killer
from tests.chaos.ledger import Ledger
from tests.chaos.load import Load, client_names
from tests.chaos.plan import Plan
from tests.chaos.planted.exercise import note_exercised
from tests.chaos.probes import LONGEST, LONGEST_WITHOUT_SWEEP, PROBERS, Probes
from tests.chaos.tails import Tail
from tests.waiting import wait_until

READERS = 2
PROGRESS_SECONDS = 5.0
WITHOUT_BROKER = 100
"""The operations after which the broker starts again, if the plan ends without one."""

Say = Callable[[str], None]


class Stress:
    """All clients, probes, readers and disruptions of a run."""

    def __init__(self, plan: Plan, fleet: Fleet, say: Say) -> None:
        """Create all parts without starting them."""
        urls = fleet.urls()
        self.plan = plan
        self.fleet = fleet
        self.ledger = Ledger()
        keys = create_keys(fleet.stack.database.url, [*client_names(plan.clients), *PROBERS], urls)
        self.load = Load(self.ledger, urls, keys, plan.clients, plan.seed)
        longest = LONGEST if plan.sweep else LONGEST_WITHOUT_SWEEP
        self.probes = Probes(self.ledger, urls, keys, fleet.database_url, plan.seed, longest)
        self.tails = [Tail(fleet.database_url) for _ in range(READERS)]
        self.replayed = 0
        """Snapshots that were parked because their workers were killed over and over."""
        self._say = say
        rng = Random(f"{plan.seed} killer")
        progress = self._progress()
        self.killer = Killer(fleet, plan.disruptions, plan.pause, rng, self.probes.begin, self.load.burst, progress)

    def callers(self) -> list[Caller]:
        """Return the callers of all clients and probes."""
        return [*self.load.callers(), *self.probes.callers]

    def run(self) -> None:
        """Load and disrupt for as long as the plan says, then repair everything and let all writing end."""
        for tail in self.tails:
            tail.start()
        self.load.start()
        self.probes.start()
        try:
            self.killer.work(self.plan.seconds)
            if self.plan.ends_without_broker:
                self._end_without_broker()
            if self.plan.aftermath:
                self.load.stop()
                self.killer.work(self.plan.aftermath)
            self.killer.finish_all()
        finally:
            self.killer.abandon()
        self._say("everything runs again; waiting for quiet")
        self.load.finish()
        self.probes.finish()
        closing.end_writing(self.fleet)
        closing.wait_until_nothing_is_ready(self.fleet)
        self.replayed = closing.wait_until_dispatched(self.fleet, self._say)
        for tail in self.tails:
            tail.finish()

    def _end_without_broker(self) -> None:
        """Let the clients make many changes without a broker, and stop them before it starts again."""
        before = len(self.ledger.operations())
        self.fleet.stack.broker.kill()
        wait_until(lambda: len(self.ledger.operations()) >= before + WITHOUT_BROKER, "changes without a broker", 30)
        note_exercised()
        self.load.finish()
        self.fleet.stack.broker.start()

    def _progress(self) -> Callable[[Counter[str]], None]:
        began = last = time.monotonic()

        def progress(done: Counter[str]) -> None:
            nonlocal last
            if time.monotonic() - last >= PROGRESS_SECONDS:
                last = time.monotonic()
                count = len(self.ledger.operations())
                self._say(f"{last - began:4.0f} s: {count} operations, {done.total()} disruptions")

        return progress
