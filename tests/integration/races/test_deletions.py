"""Deletions of a deployment against upserts and other deletions of it, in every order."""

from functools import partial
from uuid import UUID

from sqlalchemy import Engine, select

from app.errors import NotFound
from app.models import Deployment
from tests.integration.outbox_world import OutboxWorld
from tests.integration.races.blocking import while_all_blocked
from tests.integration.races.lives import delete, in_transaction, lives, upsert


def test_an_upsert_that_waited_for_a_deletion_creates_a_new_deployment(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    old, _ = in_transaction(outbox_world, partial(upsert, flow_id, "old"))
    with outbox_world.sessions() as deleting:
        delete(old, deleting)
        with while_all_blocked(engine, partial(in_transaction, outbox_world, partial(upsert, flow_id, "new"))) as (
            creation,
        ):
            deleting.commit()
    new, created = creation.result()
    assert created
    assert new != old
    assert lives(outbox_world) == [[("created", "old"), ("deleted", "old")], [("created", "new")]]


def test_of_several_upserts_that_waited_for_a_deletion_one_creates_and_the_others_update(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    old, _ = in_transaction(outbox_world, partial(upsert, flow_id, "old"))
    several = [partial(in_transaction, outbox_world, partial(upsert, flow_id, text)) for text in ("a", "b", "c")]
    with outbox_world.sessions() as deleting:
        delete(old, deleting)
        with while_all_blocked(engine, *several) as upserts:
            deleting.commit()
    results = [future.result() for future in upserts]
    assert sorted(created for _, created in results) == [False, False, True]
    assert {id_ for id_, _ in results}.isdisjoint({old})
    before, after = lives(outbox_world)
    assert before == [("created", "old"), ("deleted", "old")]
    assert [operation for operation, _ in after] == ["created", "updated", "updated"]
    assert sorted(text for _, text in after) == ["a", "b", "c"]


def test_a_deletion_that_waited_for_an_upsert_deletes_the_updated_deployment(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    id_, _ = in_transaction(outbox_world, partial(upsert, flow_id, "old"))
    with outbox_world.sessions() as updating:
        assert upsert(flow_id, "new", updating) == (id_, False)
        with while_all_blocked(engine, partial(in_transaction, outbox_world, partial(delete, id_))) as (deletion,):
            updating.commit()
    assert deletion.result() is None
    assert lives(outbox_world) == [[("created", "old"), ("updated", "new"), ("deleted", "new")]]


def test_upserts_and_a_deletion_that_waited_together_leave_complete_lives(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    """In any order of the waiting requests each life is complete, and only the last one can go on."""
    id_, _ = in_transaction(outbox_world, partial(upsert, flow_id, "old"))
    waiting = [
        *(partial(in_transaction, outbox_world, partial(upsert, flow_id, text)) for text in ("a", "b")),
        partial(in_transaction, outbox_world, partial(delete, id_)),
        *(partial(in_transaction, outbox_world, partial(upsert, flow_id, text)) for text in ("c", "d")),
    ]
    with outbox_world.sessions() as holding:
        holding.execute(select(Deployment).where(Deployment.id == id_).with_for_update())
        with while_all_blocked(engine, *waiting) as futures:
            holding.commit()
    results = [future.result() for future in futures]
    assert results[2] is None
    first, *second = lives(outbox_world)
    assert first[-1][0] == "deleted"
    # The upserts after the deletion made a second life, which the first of them created.
    assert sum(created for _, created in results[:2] + results[3:]) == len(second) <= 1
    assert len(first) + sum(map(len, second)) == 6


def test_of_two_deletions_of_a_deployment_one_finds_it_and_there_is_one_event(
    outbox_world: OutboxWorld, engine: Engine, flow_id: UUID
) -> None:
    id_, _ = in_transaction(outbox_world, partial(upsert, flow_id, "old"))
    with outbox_world.sessions() as deleting:
        delete(id_, deleting)
        with while_all_blocked(engine, partial(in_transaction, outbox_world, partial(delete, id_))) as (late,):
            deleting.commit()
    assert late.result() is NotFound
    assert lives(outbox_world) == [[("created", "old"), ("deleted", "old")]]
