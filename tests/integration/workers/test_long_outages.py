"""An hour of outage on a simulated clock: its retries count no failures and park nothing."""

import random
from collections.abc import Iterator
from typing import Any, Final

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.postgres.engine import make_engine, make_sessions
from app.postgres.refusals import OUTAGE
from app.settings import Settings
from tests.integration.outbox_world import OutboxWorld
from workers.deaths import Marks
from workers.dispatch import Dispatcher
from workers.sweep import Waiting, sweep

ROUNDS: Final = 720
"""An hour of sweeps, one every five seconds."""

MAX_STATEMENTS: Final = 12
"""A careful batch sends fewer statements than this: cutting any of the first so many cuts every place in it."""


class BrokerRefused(ConnectionError):
    """Simulates kombu's error."""


class Cable:
    """A worker's database connection, which tests can cut at a statement, once or until it is mended."""

    def __init__(self, settings: Settings) -> None:
        self.engine: Engine = make_engine(settings, application_name="aftercommit-worker")
        self.sessions: sessionmaker[Session] = make_sessions(self.engine)
        self.left: int | None = None
        self.stays_cut = False
        event.listen(self.engine, "before_cursor_execute", self._before)

    def cut_after(self, statements: int, *, stays_cut: bool) -> None:
        """Cut the connection after so many statements; with `stays_cut`, cut it at every later one as well."""
        self.left, self.stays_cut = statements, stays_cut

    def repair(self) -> None:
        """Stop cutting the connection."""
        self.left = None

    def _before(self, connection: Any, *_: Any) -> None:
        if self.left is None:
            return
        if self.left > 0:
            self.left -= 1
            return
        if not self.stays_cut:
            self.left = None
        # The statement fails on the closed connection, and the server rolls back the transaction.
        connection.connection.dbapi_connection.close()


@pytest.fixture
def cable(settings: Settings) -> Iterator[Cable]:
    cable = Cable(settings)
    yield cable
    cable.engine.dispose()


@pytest.fixture
def waiting(outbox_world: OutboxWorld) -> OutboxWorld:
    """Three deployments with two changes each, old enough for the sweep."""
    for name in ("one", "two", "three"):
        (change,) = outbox_world.create(name)
        outbox_world.update(change, version="1")
    with outbox_world.sessions() as session:
        session.execute(text("UPDATE snapshot SET captured = now() - interval '1 hour', lane = 4"))
        session.commit()
    return outbox_world


def dispatcher(world: OutboxWorld, cable: Cable, marks: Marks) -> Dispatcher:
    cap = world.settings.event_size_cap
    return Dispatcher(cable.sessions, 500, cap, rescue_after=3.0, marks=marks)


def state(world: OutboxWorld) -> set[tuple[int, int, bool]]:
    return {(row.attempts, row.deaths, row.parked is not None) for row in world.pending()}


def assert_all_dispatched(world: OutboxWorld) -> None:
    assert state(world) == {(0, 0, False)}
    assert world.dispatch_all() == 6
    assert sorted(world.ids_by_resource().values()) == [[1, 2]] * 3


def test_an_hour_without_a_database_parks_nothing(waiting: OutboxWorld, settings: Settings) -> None:
    nowhere = settings.model_copy(update={"database_url": "postgresql+psycopg://a:b@127.0.0.1:1/nowhere"})
    cable = Cable(nowhere)
    ids = waiting.pending_ids()
    for _ in range(ROUNDS):
        with pytest.raises(OUTAGE):
            dispatcher(waiting, cable, Marks(cable.sessions)).dispatch(ids)
    cable.engine.dispose()
    assert_all_dispatched(waiting)


@pytest.mark.parametrize("stays_cut", [False, True], ids=["flapping", "gone until it is mended"])
def test_a_database_that_is_cut_off_at_any_statement_parks_nothing(
    stays_cut: bool, waiting: OutboxWorld, cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No batch succeeds, even if its connection was not cut.
    monkeypatch.setattr("workers.batch._delete", fail)
    ids, marks, places = waiting.pending_ids(), Marks(cable.sessions), random.Random(7)
    # A quarter of an hour cuts each place some fifteen times; a whole hour would take a minute of every run.
    for _ in range(ROUNDS // 4):
        cable.cut_after(places.randrange(MAX_STATEMENTS), stays_cut=stays_cut)
        with pytest.raises(OUTAGE):
            dispatcher(waiting, cable, marks).dispatch(ids)
        cable.repair()
        assert all(row.attempts == 0 and row.parked is None and row.deaths <= 1 for row in waiting.pending())
    monkeypatch.undo()
    marks.remove()
    assert_all_dispatched(waiting)


def fail(*_: object) -> None:
    raise OperationalError("the server went away", None, Exception())


def test_an_hour_without_a_broker_parks_nothing(waiting: OutboxWorld) -> None:
    def ring(_: Waiting) -> None:
        raise BrokerRefused

    for _ in range(ROUNDS):
        with waiting.sessions() as session, pytest.raises(BrokerRefused):
            sweep(session, 3.0, ring)
    assert_all_dispatched(waiting)


def test_after_an_outage_of_the_broker_the_sweep_rings_again_at_once(waiting: OutboxWorld) -> None:
    rung: list[Waiting] = []
    with waiting.sessions() as session:
        sweep(session, 3.0, rung.append)
    assert [found.lane for found in rung] == [4]
