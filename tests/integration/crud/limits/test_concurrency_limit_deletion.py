"""Global concurrency limits: references from deployments, and deletion."""

from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from app.crud.deletions import delete_concurrency_limit
from app.crud.limits.concurrency_limits import lock_limit
from app.errors import NotFound
from app.models import Deployment, Tombstone
from tests.guard import unguarded
from tests.integration.registry import LIMITS, make_deployment, make_flow, make_limit
from tests.integration.side_by_side import all_at_once, while_blocked


def test_a_deleted_limit_is_removed_from_its_deployments_and_its_tombstone_has_its_name(
    client: TestClient, sessions: sessionmaker[Session]
) -> None:
    limit = make_limit(client)
    deployment = make_deployment(client, make_flow(client, "etl"), "d", global_concurrency_limit_id=limit["id"])

    assert client.delete(f"{LIMITS}/g1").status_code == 204

    assert client.get(f"/deployments/{deployment['id']}").json()["global_concurrency_limit"] is None
    assert client.get(f"{LIMITS}/g1").status_code == 404
    with sessions() as session:
        tombstone = session.scalars(select(Tombstone)).one()
        assert (str(tombstone.id), tombstone.kind, tombstone.name) == (limit["id"], "concurrency-limit", "g1")


def test_of_ten_concurrent_deletions_of_a_limit_one_succeeds(client: TestClient) -> None:
    make_limit(client)

    answers = all_at_once(10, lambda _: client.delete(f"{LIMITS}/g1").status_code)

    assert sorted(answers) == [204] + [404] * 9


def test_a_deletion_that_waited_for_another_one_finds_nothing(
    client: TestClient, sessions: sessionmaker[Session], engine: Engine
) -> None:
    make_limit(client)

    with sessions() as deleting:
        delete_concurrency_limit(deleting, "g1")
        with while_blocked(engine, lambda: client.delete(f"{LIMITS}/g1").status_code) as deletion:
            deleting.commit()

    assert deletion.result() == 404


def test_a_deployment_that_is_written_during_the_deletion_of_its_limit_loses_the_limit(
    client: TestClient, sessions: sessionmaker[Session], engine: Engine
) -> None:
    limit = make_limit(client)
    flow = make_flow(client, "etl")

    with sessions() as writing:
        held = lock_limit(writing, limit["id"])
        deployment = Deployment(name="nightly", flow_id=flow["id"], concurrency_limit_id=held.id)
        with unguarded(writing):
            writing.add(deployment)
        with while_blocked(engine, lambda: client.delete(f"{LIMITS}/g1").status_code) as deletion:
            writing.commit()

    assert deletion.result() == 204
    assert client.get(f"/deployments/{deployment.id}").json()["global_concurrency_limit"] is None


def test_a_limit_in_use_can_be_changed_and_used_by_other_transactions(
    client: TestClient, sessions: sessionmaker[Session]
) -> None:
    limit = make_limit(client)

    with sessions() as first, sessions() as second:
        assert lock_limit(first, limit["id"]).name == lock_limit(second, limit["id"]).name == "g1"
        assert client.patch(f"{LIMITS}/g1", json={"limit": 6}).status_code == 204


def test_using_a_deleted_limit_is_refused(sessions: sessionmaker[Session]) -> None:
    with sessions() as session, pytest.raises(NotFound, match="Concurrency Limit not found"):
        lock_limit(session, uuid4())
