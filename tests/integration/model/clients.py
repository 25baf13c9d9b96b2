"""The half of the machine that changes deployments: transactions of several changes that end in every way."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import SnapshotRow
from tests.integration.model import changes
from tests.integration.model.changes import Change
from tests.integration.model.endings import Ending, end
from tests.integration.model.histories import Draft, Entry, History, Key, Registry
from tests.integration.model.world import World

FLOWS, SLOW_FLOW = ("etl", "ml"), "slow"
"""The last one belongs to a transaction that stays open while others come and go."""
NAMES = ("nightly", "hourly")
LIMITS = ("database", "licence")

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "description": st.sampled_from([None, "a", "b"]),
    "version": st.sampled_from(["1", "2"]),
    "paused": st.booleans(),
    "tags": st.lists(st.sampled_from("xyz"), unique=True, max_size=3),
    "parameters": st.sampled_from([{}, {"n": 1}, {"n": 1.0}, {"n": True}, {"n": [1]}]),
    "concurrency_limit": st.sampled_from([None, 1, 2]),
}
VERSIONS = st.lists(st.sampled_from("1234"), min_size=1, max_size=3)
SCHEDULES = st.lists(
    st.tuples(st.sampled_from("st"), st.sampled_from([60.0, 90.0])), max_size=2, unique_by=lambda s: s[0]
)
PATCHES = st.fixed_dictionaries({}, optional=FIELDS)
UPSERTS = st.fixed_dictionaries(
    {}, optional={**FIELDS, "schedules": SCHEDULES.map(lambda pairs: [[*p] for p in pairs])}
)


def changes_in(*flows: str) -> st.SearchStrategy[Change]:
    """What one change in these flows may be."""
    keys = st.tuples(st.sampled_from(flows), st.sampled_from(NAMES))
    return st.one_of(
        st.builds(changes.Upsert, keys, UPSERTS),
        st.builds(changes.Upsert, keys, UPSERTS),
        st.builds(changes.Patch, keys, PATCHES),
        st.builds(changes.Schedule, keys, st.sampled_from("st"), st.sampled_from([None, 60.0, 90.0])),
        st.builds(changes.Delete, keys),
        st.builds(changes.BulkDelete, st.sampled_from(NAMES), st.just(flows)),
        st.builds(changes.DeleteFlow, st.sampled_from(flows), st.booleans()),
    )


LIMIT_CHANGES = st.one_of(
    st.builds(changes.Share, st.tuples(st.sampled_from(FLOWS), st.sampled_from(NAMES)), st.sampled_from(LIMITS)),
    st.builds(changes.DeleteLimit, st.sampled_from(LIMITS)),
)
STEPS = st.lists(st.one_of(changes_in(*FLOWS), LIMIT_CHANGES), min_size=1, max_size=4)
SLOW_STEPS = st.lists(changes_in(SLOW_FLOW), min_size=1, max_size=3)
ENDINGS = st.sampled_from(Ending)
BAD_ENDINGS = st.sampled_from([ending for ending in Ending if ending is not Ending.COMMIT])


class Clients(RuleBasedStateMachine):
    """Clients in one database; `registry` is the model of what they committed."""

    world: World

    @initialize()
    def begin(self) -> None:
        """Nothing exists."""
        self.world.begin()
        self.registry = Registry()
        self.session = self.world.sessions()
        self.slow: tuple[Session, Draft] | None = None

    @rule(steps=STEPS)
    def commit(self, steps: list[Change]) -> None:
        """The ordinary case: a few changes, committed."""
        self._transaction(steps, Ending.COMMIT)

    @rule(key=st.tuples(st.sampled_from(FLOWS), st.sampled_from(NAMES)), versions=VERSIONS)
    def deploy(self, key: Key, versions: list[str]) -> None:
        """One deployment is deployed again and again."""
        for version in versions:
            self._transaction([changes.Upsert(key, {"version": version})], Ending.COMMIT)

    @rule(steps=STEPS, ending=BAD_ENDINGS)
    def fail(self, steps: list[Change], ending: Ending) -> None:
        """A few changes, and any other end."""
        self._transaction(steps, ending)

    @rule(before=STEPS, inside=STEPS, after=STEPS, keeps=st.booleans(), ending=ENDINGS)
    def savepoint(
        self, before: list[Change], inside: list[Change], after: list[Change], keeps: bool, ending: Ending
    ) -> None:
        """Changes under a savepoint, kept or rolled back, between others."""

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
        """A transaction that stays open: its snapshots have their places in the outbox, and nobody sees them."""
        session, draft = self.world.sessions(), Draft.of(self.registry)
        _do(steps, session, draft)
        self.slow = session, draft

    @precondition(lambda self: self.slow is not None)
    @rule(steps=SLOW_STEPS, ending=ENDINGS)
    def close(self, steps: list[Change], ending: Ending) -> None:
        """The open transaction goes on and ends."""
        assert self.slow is not None
        (session, draft), self.slow = self.slow, None
        _do(steps, session, draft)
        self._end(session, draft, ending)
        session.close()

    def _transaction(self, steps: list[Change], ending: Ending) -> None:
        # A session lives as long as its process here, so that what one transaction leaves in it meets the next one.
        self.session.expunge_all()
        draft = Draft.of(self.registry)
        _do(steps, self.session, draft)
        if not self._end(self.session, draft, ending):
            self.session = self.world.sessions()

    def _end(self, session: Session, draft: Draft, ending: Ending) -> bool:
        """End the transaction and return whether its process lives; a commit rings for its changes and no others."""
        rung_before = len(self.world.rung)
        self.world.crash_at_ring = ending is Ending.CRASH_AFTER and bool(draft.changes or draft.taken_back)
        end(session, ending, FLOWS[0], self.world.engine)
        self.world.crash_at_ring = False
        if not ending.commits:
            assert len(self.world.rung) == rung_before, "nothing rings for what did not commit"
            return ending is not Ending.CRASH_BEFORE
        committed = self.registry.commit(draft)
        self._note_ids(committed)
        rung = {doorbell.snapshot_id for doorbell in self.world.rung[rung_before:]}
        if ending is Ending.CRASH_AFTER:
            assert not rung
            return False
        assert {entry.id for _, entry in committed} <= rung
        assert len(rung) <= len(committed) + draft.taken_back
        return True

    def _note_ids(self, committed: list[tuple[History, Entry]]) -> None:
        """Right after the commit each change has its snapshot, and from now on its id is known."""
        with self.world.sessions() as session:
            for history, entry in committed:
                at = (SnapshotRow.resource_id == history.id, SnapshotRow.revision == entry.revision)
                entry.id = session.scalars(select(SnapshotRow.id).where(*at)).one()

    def teardown(self) -> None:
        """Let go of the connections."""
        if self.slow is not None:
            self.slow[0].invalidate()
        self.session.invalidate()


def _do(steps: list[Change] | list[Callable[[Session, Draft], None]], session: Session, draft: Draft) -> None:
    for step in steps:
        step(session, draft)
