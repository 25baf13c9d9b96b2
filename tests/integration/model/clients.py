"""The part of the state machine that changes resources: transactions of several changes, with every kind of end."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import SnapshotRow
from tests.integration.model.changes import Change
from tests.integration.model.choices import (
    BAD_ENDINGS,
    ENDINGS,
    MAIN,
    PAUSES,
    POOL_STEPS,
    POOLS,
    QUEUES,
    SLOW,
    SLOW_STEPS,
    STEPS,
    VERSIONS,
    WORKERS,
    Part,
    basic_resources,
    deployments_of,
)
from tests.integration.model.deployment_changes import Upsert
from tests.integration.model.endings import Ending, end
from tests.integration.model.histories import Draft, Entry, History, Registry
from tests.integration.model.pool_changes import PollPool, SendHeartbeat, UpdatePool
from tests.integration.model.queue_changes import UpdateQueue
from tests.integration.model.states import QUEUE, Key
from tests.integration.model.world import World


class Clients(RuleBasedStateMachine):
    """Clients of one database; `registry` is the model of what they committed."""

    world: World

    @initialize(parts=st.sampled_from([[MAIN, SLOW], [MAIN, SLOW], [MAIN], []]), works=st.booleans())
    def begin(self, parts: list[Part], works: bool) -> None:
        """Start empty, then create resources of each kind in these parts; if `works`, workers poll as well."""
        self.world.begin()
        self.registry = Registry()
        self.session = self.world.sessions()
        self.slow: tuple[Session, Draft] | None = None
        self._transaction([change for part in parts for change in basic_resources(part, works)])

    @rule(steps=STEPS)
    def commit(self, steps: list[Change]) -> None:
        """The ordinary case: commit a few changes."""
        self._transaction(steps)

    @rule(steps=POOL_STEPS)
    def commit_to_pools(self, steps: list[Change]) -> None:
        """Commit a few changes of pools and queues only."""
        self._transaction(steps)

    @rule(key=deployments_of(MAIN), versions=VERSIONS)
    def deploy(self, key: Key, versions: list[str]) -> None:
        """Deploy one deployment several times."""
        for version in versions:
            self._transaction([Upsert(key, {"version": version})])

    @rule(pool=POOLS, worker=st.sampled_from(WORKERS), queue=st.sampled_from([None, *QUEUES]), pauses=PAUSES)
    def work(self, pool: str, worker: str, queue: str | None, pauses: list[bool]) -> None:
        """A worker starts and polls; its pool and a queue are paused and resumed."""
        self._transaction([SendHeartbeat(pool, worker)])
        self._transaction([PollPool(pool, queue)])
        for is_paused in pauses:
            fields = {"is_paused": is_paused}
            self._transaction([UpdatePool(pool, fields)])
            self._transaction([UpdateQueue((QUEUE, pool, queue or QUEUES[0]), fields)])

    @rule(steps=STEPS, ending=BAD_ENDINGS)
    def fail(self, steps: list[Change], ending: Ending) -> None:
        """Make a few changes, and end the transaction in any way but a commit."""
        self._transaction(steps, ending)

    @rule(before=STEPS, inside=STEPS, after=STEPS, keeps=st.booleans(), ending=ENDINGS)
    def savepoint(
        self, before: list[Change], inside: list[Change], after: list[Change], keeps: bool, ending: Ending
    ) -> None:
        """Make changes inside a savepoint, which is kept or rolled back, and changes before and after it."""

        def nested(session: Session, draft: Draft) -> None:
            back = draft.savepoint()
            savepoint = session.begin_nested()
            _do(inside, session, draft)
            if keeps:
                savepoint.commit()
            else:
                savepoint.rollback()
                draft.roll_back_to(back)

        self._transaction([*before, nested, *after], ending)

    @precondition(lambda self: self.slow is None)
    @rule(steps=SLOW_STEPS)
    def open(self, steps: list[Change]) -> None:
        """Leave a transaction open: its snapshots have sequence numbers in the outbox but are not visible."""
        session, draft = self.world.sessions(), Draft.of(self.registry)
        _do(steps, session, draft)
        self.slow = session, draft

    @precondition(lambda self: self.slow is not None)
    @rule(steps=SLOW_STEPS, ending=ENDINGS)
    def close(self, steps: list[Change], ending: Ending) -> None:
        """Make more changes in the open transaction and end it."""
        assert self.slow is not None
        (session, draft), self.slow = self.slow, None
        _do(steps, session, draft)
        self._end(session, draft, ending)
        session.close()

    def _transaction(self, steps: list[Change], ending: Ending = Ending.COMMIT) -> None:
        # The session is reused while its process lives, so that state left by one transaction meets the next one.
        self.session.expunge_all()
        draft = Draft.of(self.registry)
        _do(steps, self.session, draft)
        if not self._end(self.session, draft, ending):
            self.session = self.world.sessions()

    def _end(self, session: Session, draft: Draft, ending: Ending) -> bool:
        """End the transaction; return whether its process lives. Only a commit rings, only for its own changes."""
        rung_before = len(self.world.rung)
        self.world.crash_at_ring = ending is Ending.CRASH_AFTER and bool(draft.changes or draft.undone)
        end(session, ending, MAIN.flows[0], self.world.engine)
        self.world.crash_at_ring = False
        if not ending.commits:
            assert len(self.world.rung) == rung_before, "a transaction that did not commit rang"
            return ending is not Ending.CRASH_BEFORE
        committed = self.committed(draft)
        rung = {doorbell.snapshot_id for doorbell in self.world.rung[rung_before:]}
        if ending is Ending.CRASH_AFTER:
            assert not rung
            return False
        assert {entry.id for _, entry in committed} <= rung
        assert len(rung) <= len(committed) + draft.undone
        return True

    def committed(self, draft: Draft) -> list[tuple[History, Entry]]:
        """Commit the draft to the model and return its changes, each with the id of its snapshot."""
        committed = self.registry.commit(draft)
        with self.world.sessions() as session:
            rows = session.execute(select(SnapshotRow.resource_id, SnapshotRow.revision, SnapshotRow.id))
            ids = {(row.resource_id, row.revision): row.id for row in rows}
        for history, entry in committed:
            entry.id = ids[history.id, entry.revision]
        return committed

    def teardown(self) -> None:
        """Drop the connections."""
        if self.slow is not None:
            self.slow[0].invalidate()
        self.session.invalidate()


def _do(steps: list[Change], session: Session, draft: Draft) -> None:
    for step in steps:
        step(session, draft)
