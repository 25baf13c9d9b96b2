"""Any sequence of changes, crashes, doorbells, sweeps, failures and repairs leads to the log that the model expects."""

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as bounds
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app.errors import Conflict, NotFound
from app.outbox.parked import list_parked, replay, skip
from app.settings import Settings
from tests.databases import SharedDatabase
from tests.integration.model.checks import check_everything
from tests.integration.model.histories import ATTEMPTS, Entry, History
from tests.integration.model.workers import PICK, Workers
from tests.integration.model.world import World
from tests.world import assert_audit_is_clean

BOUNDED = bounds(
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    # Shrinking a history takes minutes. To have one shrunk, add Phase.shrink and run the printed blob again.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)

SORTS = st.sampled_from(["bug", "refused"])


class Service(Workers):
    """Clients, workers, poison, time, and the operators who replay or skip parked snapshots.

    A rule that does not apply does nothing. It has no precondition, because ids are random: the allowed rules must not
    depend on the database's state, or hypothesis cannot run the same history twice.
    """

    @rule(pick=PICK, ahead=st.integers(0, 2), sort=SORTS)
    def poison(self, pick: int, ahead: int, sort: str) -> None:
        """The event of some current or later revision cannot be built, or the database refuses it."""
        if not self.registry.alive:
            return
        living = list(self.registry.alive.values())[pick % len(self.registry.alive)]
        self.world.poison[living.id, living.revision + ahead] = sort

    @rule(pick=PICK, sort=SORTS)
    def park(self, pick: int, sort: str) -> None:
        """The first pending snapshot of some resource fails until it is parked."""
        if not self.registry.pending():
            return
        history, _ = self.registry.pending()[pick % len(self.registry.pending())]
        first = history.pending[0]
        self.world.poison[history.id, first.revision] = sort
        for _ in range(ATTEMPTS):
            self.pass_time()
            self.sweep(500)
        assert first.is_parked or first.is_logged

    @rule()
    def fix_bug(self) -> None:
        """The bug is fixed; failed snapshots still wait until they are due."""
        self.world.poison.clear()

    @rule()
    def pass_time(self) -> None:
        """Every retry becomes due."""
        self.world.make_due()
        for _, entry in self.registry.pending():
            entry.is_due = True

    @rule(pick=PICK, all_of_them=st.booleans())
    def replay(self, pick: int, all_of_them: bool) -> None:
        """An operator replays one parked snapshot, or all of them."""
        if not self.parked():
            return
        self._check_list()
        chosen = self.parked() if all_of_them else [self.parked()[pick % len(self.parked())]]
        with self.world.sessions.begin() as session:
            rows = replay(session, None if all_of_them else chosen[0][1].id)
        assert {row.id for row in rows} == {entry.id for _, entry in chosen}
        for _, entry in chosen:
            entry.is_parked, entry.attempts, entry.is_due = False, 0, True

    @rule(pick=PICK)
    def skip(self, pick: int) -> None:
        """An operator skips a parked snapshot: a `skipped` event takes its place."""
        if not self.parked():
            return
        self._check_list()
        _, entry = self.parked()[pick % len(self.parked())]
        assert entry.id is not None
        with self.world.sessions.begin() as session:
            skip(session, entry.id, "it cannot be mended")
        entry.is_parked, entry.is_due, entry.skip_reason = False, True, "it cannot be mended"

    @rule(pick=PICK)
    def decide_on_unparked(self, pick: int) -> None:
        """The command refuses, and nothing changes."""
        if not self.registry.histories:
            return
        entries = [entry for history in self.registry.histories.values() for entry in history.entries]
        entry = entries[pick % len(entries)]
        assert entry.id is not None
        if not entry.is_parked:
            refusal = NotFound if entry.is_logged else Conflict
            with self.world.sessions() as session, pytest.raises(refusal):
                replay(session, entry.id)
            with self.world.sessions() as session, pytest.raises(refusal):
                skip(session, entry.id, "a mistake")

    @invariant()
    def matches_the_model(self) -> None:
        """Nothing is lost, invented, duplicated or out of order."""
        with self.world.sessions() as session:
            check_everything(session, self.registry)

    def teardown(self) -> None:
        """Assert that the audit is clean, even with pending snapshots; after the repair, all of them become events."""
        self._audit()
        self.world.poison.clear()
        if self.parked():
            self.replay(0, all_of_them=True)
        self.pass_time()
        self.sweep(500)
        assert self.registry.pending() == []
        self.matches_the_model()
        self._audit()
        super().teardown()

    def parked(self) -> list[tuple[History, Entry]]:
        """Return the parked snapshots, which wait for an operator."""
        return [(history, entry) for history, entry in self.registry.pending() if entry.is_parked]

    def _check_list(self) -> None:
        """Assert that the list shows exactly the parked snapshots, and how many wait behind each."""
        with self.world.sessions() as session:
            shown = {entry.snapshot.id: entry.waiting for entry in list_parked(session)}
        assert shown == {entry.id: len(history.pending) - 1 for history, entry in self.parked()}

    def _audit(self) -> None:
        assert_audit_is_clean(self.world.sessions)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("histories", "steps"), [(15, 40), pytest.param(150, 50, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_the_log_matches_the_model_after_any_history(
    sessions: sessionmaker[Session],
    engine: Engine,
    settings: Settings,
    shared_database: SharedDatabase,
    monkeypatch: pytest.MonkeyPatch,
    histories: int,
    steps: int,
) -> None:
    world = World(sessions, engine, settings, shared_database)
    world.install(monkeypatch)
    machine = type("Machine", (Service,), {"world": world})
    run_state_machine_as_test(machine, settings=bounds(BOUNDED, max_examples=histories, stateful_step_count=steps))
