"""Concurrent updates of one row."""

import threading

from tests.integration.outbox_world import OutboxWorld, update_deployment
from tests.integration.races.blocking import together
from tests.integration.side_by_side import PATIENCE_SECONDS


def test_concurrent_updates_of_one_row_have_their_own_revisions_in_commit_order(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    barrier = threading.Barrier(8)

    def update_once(number: int) -> None:
        with outbox_world.sessions() as session:
            barrier.wait(PATIENCE_SECONDS)
            update_deployment(session, change, version=str(number))
            session.commit()

    together(*(lambda number=number: update_once(number) for number in range(8)))
    outbox_world.dispatch_all()
    events = outbox_world.log()
    assert [event.revision for event in events] == list(range(1, 10))
    tos = [event.payload["updates"]["version"]["to"] for event in events[1:]]
    froms = [event.payload["updates"]["version"]["from"] for event in events[1:]]
    assert froms == [None, *tos[:-1]]
    assert sorted(tos) == [str(number) for number in range(8)]
    times = [event.occurred for event in events]
    assert times == sorted(set(times))
