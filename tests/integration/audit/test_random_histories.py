"""Property tests: the audit accepts any correct database, and reports any snapshot that is removed from the outbox."""

from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text, update
from sqlalchemy.orm import Session, sessionmaker

from app.audit.reconcile import Audit, reconcile
from app.models import EventLog, SnapshotRow
from tests.integration.audit.lives import Life, store

# All examples share the database; each one empties it first.
sharing_one_database = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True
)


@dataclass(frozen=True)
class Plan:
    """Some lives, and the order of their events in the log."""

    lives: list[Life]
    turns: list[Life]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw up to five lives in any state, and any order of their events."""
    lives = []
    for _ in range(draw(st.integers(0, 5))):
        revisions = draw(st.integers(1, 5))
        deleted = revisions > 1 and draw(st.booleans())
        lives.append(Life(revisions, pending=draw(st.integers(0, revisions)), deleted=deleted))
    turns = [at for at, life in enumerate(lives) for _ in range(life.logged)]
    return Plan(lives, [lives[at] for at in draw(st.permutations(turns))])


def build(session: Session, plan: Plan) -> None:
    session.execute(text("TRUNCATE deployment, flow, tombstone, event, snapshot"))
    session.execute(update(EventLog).values(position=0))
    store(session, plan.lives, plan.turns)


@sharing_one_database
@given(plan=plans())
def test_a_correct_database_is_clean(unguarded_world: None, sessions: sessionmaker[Session], plan: Plan) -> None:
    with sessions() as session:
        build(session, plan)
        session.commit()
        found = reconcile(session)
    assert found == Audit(
        # Plus one: the flow and its creation.
        resources=1 + len(plan.lives),
        events=1 + len(plan.turns),
        pending=sum(life.pending for life in plan.lives),
        lost=0,
        phantom=0,
        duplicate=0,
        disordered=0,
        findings=(),
    )


@sharing_one_database
@given(plan=plans(), data=st.data())
def test_a_snapshot_that_is_removed_from_the_outbox_is_lost_and_nothing_else_is_wrong(
    unguarded_world: None, sessions: sessionmaker[Session], plan: Plan, data: st.DataObject
) -> None:
    pending = [event_id for life in plan.lives for event_id in life.event_ids[life.logged :]]
    taken = [event_id for event_id in pending if data.draw(st.booleans())]
    with sessions() as session:
        build(session, plan)
        session.execute(delete(SnapshotRow).where(SnapshotRow.id.in_(taken)))
        session.commit()
        found = reconcile(session)
    assert (found.lost, found.phantom, found.duplicate, found.disordered) == (len(taken), 0, 0, 0)
