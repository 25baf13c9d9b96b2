"""The part of the state machine that handles doorbells: early, late, twice, in any order, never, or with a crash."""

import contextlib
from random import Random
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import rule
from sqlalchemy.exc import DBAPIError

from tests.integration.model.checks import copy_progress
from tests.integration.model.choices import MAIN
from tests.integration.model.clients import Clients
from tests.integration.model.consequences import refresh_status
from tests.integration.model.endings import Crash
from tests.integration.model.histories import ATTEMPTS, Draft, Entry, History
from tests.integration.model.states import DEPLOYMENT, POOL, QUEUE
from tests.integration.model.world import FAILURE_POINTS

PICK = st.integers(0, 1_000_000)
"""One of however many there are."""
BATCHES = st.sampled_from([1, 2, 500])


class Workers(Clients):
    """Clients, and the workers that dispatch their snapshots."""

    @rule(pick=PICK, keeps=st.booleans(), was_redelivered=st.booleans(), batch_size=BATCHES)
    def deliver(self, pick: int, keeps: bool, was_redelivered: bool, batch_size: int) -> None:
        """Deliver a doorbell early, late, or again after its worker died; if `keeps`, it can be delivered once more."""
        if not self.world.rung:
            return
        at = pick % len(self.world.rung)
        doorbell = self.world.rung[at] if keeps else self.world.rung.pop(at)
        self._dispatch([doorbell.snapshot_id], batch_size, was_redelivered=was_redelivered)

    @rule(order=st.randoms(use_true_random=False), twice=st.booleans(), batch_size=BATCHES)
    def deliver_all(self, order: Random, twice: bool, batch_size: int) -> None:
        """Deliver all doorbells as one message, in any order, perhaps each of them twice."""
        ids = [doorbell.snapshot_id for doorbell in self.world.rung] * (1 + twice)
        order.shuffle(ids)
        self.world.rung.clear()
        self._dispatch(ids, batch_size)

    @rule()
    def lose_doorbells(self) -> None:
        """The broker loses all messages."""
        self.world.rung.clear()

    @rule(batch_size=BATCHES)
    def sweep(self, batch_size: int) -> None:
        """The sweep rings once for each lane with claimable snapshots, and for no other."""
        waiting = self.world.sweep()
        assert [lane.lane for lane in waiting] == sorted({history.lane for history, _ in self._claimable()})
        self._dispatch([lane.snapshot_id for lane in waiting], batch_size, swept=True)
        assert self._claimable() == []

    @rule(place=st.sampled_from(FAILURE_POINTS), batch_size=BATCHES, swept=st.booleans())
    def crash_a_worker(self, place: str, batch_size: int, swept: bool) -> None:
        """A worker crashes or loses its connection while it dispatches."""
        ids = [entry.id for _, entry in self.registry.pending() if entry.id is not None]
        lanes = self._lanes(ids)
        self.world.fail_at = place
        with contextlib.suppress(Crash, DBAPIError):
            self.world.dispatch(ids, batch_size, swept=swept)
        self.world.fail_at = None
        # The batches decide how far the worker came; the checks require a valid prefix of its work.
        with self.world.sessions() as session:
            copy_progress(session, [history for history in self.registry.histories.values() if history.lane in lanes])

    @rule(polls_stop=st.booleans(), task_runs=st.booleans())
    def change_readiness(self, polls_stop: bool, task_runs: bool) -> None:
        """Polls and heartbeats stop and/or the readiness task runs, which updates the statuses."""
        draft = Draft.of(self.registry)
        if polls_stop:
            self.world.stop_polls(MAIN.flows, MAIN.pools)
            unpolled = [
                key for key, living in draft.alive.items() if living.active_polls and key[1] in MAIN.flows + MAIN.pools
            ]
            for key in unpolled:
                draft.set_active_polls(key, ())
        if task_runs:
            for key in [key for kind in (POOL, QUEUE, DEPLOYMENT) for key in draft.keys(kind)]:
                refresh_status(draft, key)
            assert self.world.run_readiness_task() == len(draft.changes)
        self.committed(draft)

    def _claimable(self) -> list[tuple[History, Entry]]:
        return [(history, entry) for history in self.registry.histories.values() for entry in history.claimable]

    def _lanes(self, ids: list[UUID]) -> set[int]:
        return {history.lane for history, entry in self.registry.pending() if entry.id in ids}

    def _dispatch(self, ids: list[UUID], batch_size: int, **how: bool) -> None:
        """Dispatch, and expect an event for exactly the claimable snapshots in the lanes of these ids."""
        lanes = self._lanes(ids)
        expected = 0
        for history in [history for history in self.registry.histories.values() if history.lane in lanes]:
            for entry in history.claimable:
                if not self._take(history, entry):
                    break
                expected += 1
        assert self.world.dispatch(ids, batch_size, **how) == expected

    def _take(self, history: History, entry: Entry) -> bool:
        """Return whether the entry becomes an event; if not, count one more failure."""
        if entry.skip_reason is not None or (history.id, entry.revision) not in self.world.poison:
            entry.is_logged = True
            return True
        entry.attempts += 1
        entry.is_parked = entry.attempts == ATTEMPTS
        entry.is_due = False
        return False
