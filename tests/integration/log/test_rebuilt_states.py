"""The state rebuilt from the events equals the real state after each change, for every tracked kind."""

import random
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.capture.kind_classes import ResourceKind
from app.capture.kinds import tracked_kinds
from app.capture.snapshot import make_masker
from app.log.history import ResourceHistory, read_histories
from app.log.state import Phase
from app.settings import Settings
from tests.integration.random_histories import RandomHistory, make_references

Sessions = sessionmaker[Session]
TICK = timedelta(microseconds=1)
every_tracked_kind = pytest.mark.parametrize("kind", list(tracked_kinds()), ids=lambda kind: kind.name)


def a_history(kind: ResourceKind, sessions: Sessions, settings: Settings) -> RandomHistory:
    seed = random.randrange(2**32)
    print(f"seed: {seed}")
    with sessions() as session:
        references = make_references(session)
    history = RandomHistory(kind, sessions, make_masker(settings), random.Random(seed), references)
    history.create()
    history.change_each_field_and_random_sets(8)
    return history


def read_history_of(history: RandomHistory) -> ResourceHistory:
    assert isinstance(history.id, UUID)
    with history.sessions() as session:
        (life,) = read_histories(session, history.kind, [history.id])
    return life


@every_tracked_kind
def test_the_state_now_equals_the_row(kind: ResourceKind, sessions: Sessions, settings: Settings) -> None:
    history = a_history(kind, sessions, settings)
    row = history.row()
    assert row is not None
    assert set(row) == set(kind.tracked)
    assert read_history_of(history).state().fields == row


@every_tracked_kind
def test_the_state_at_each_revision_is_the_state_after_that_change(
    kind: ResourceKind, sessions: Sessions, settings: Settings
) -> None:
    history = a_history(kind, sessions, settings)
    history.delete()
    life = read_history_of(history)
    assert len(life.events) == len(history.states) > len(kind.tracked) / 2
    before = None
    for revision, (occurred, after) in enumerate(history.states, start=1):
        assert fields_at(life, occurred - TICK) == before, f"before revision {revision}"
        assert fields_at(life, occurred) == after, f"at revision {revision}"
        before = after
    assert before is None
    assert life.phase() is Phase.DELETED


def fields_at(life: ResourceHistory, moment: datetime) -> dict[str, object] | None:
    """Return the fields at that moment, or None when the resource did not exist."""
    state = life.until(moment).state()
    return dict(state.fields) if state.phase is Phase.ALIVE else None
