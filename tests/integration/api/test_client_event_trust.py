"""A client's event cannot imitate or block an event of the registry, and recognised secrets in it are masked."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker

from app.capture.snapshot import make_masker
from app.log.client_events import append_client_events
from app.schemas.client_events import ClientEvent
from app.settings import Settings
from tests.integration.client_event import a_client_event, log, post
from tests.integration.outbox_world import OutboxWorld
from tests.world import World, assert_audit_is_clean, assert_unbroken


def test_a_client_event_about_a_deployment_has_no_revision_and_keeps_its_history_unbroken(
    client: TestClient, sessions: sessionmaker[Session], world: World
) -> None:
    deployment = world.deploy()
    resource_id = f"prefect.deployment.{deployment}"
    forged = {"prefect.resource.id": resource_id, "aftercommit.revision": "2", "aftercommit.more": "x", "mine": "y"}
    related = [{**forged, "prefect.resource.role": "deployment"}]
    post(client, a_client_event(event="prefect.deployment.updated", resource=forged, related=related))
    world.deploy(200, version="2")
    logged = log(sessions)[2]
    assert logged.revision is None
    assert logged.resource == {"prefect.resource.id": resource_id, "mine": "y"}
    assert logged.related == [{**logged.resource, "prefect.resource.role": "deployment"}]
    wanted = {"resource": {"id": [resource_id], "labels": {"aftercommit.revision": "*"}}, "order": "ASC"}
    assert_unbroken(client.post("/events/filter", json={"filter": wanted}).json()["events"])
    assert_audit_is_clean(sessions)


def test_the_id_of_a_pending_change_in_a_client_event_neither_replaces_nor_blocks_it(
    outbox_world: OutboxWorld, sessions: sessionmaker[Session], settings: Settings
) -> None:
    outbox_world.create("nightly")
    [pending] = outbox_world.pending_ids()
    event = ClientEvent.model_validate(a_client_event(id=str(pending)))
    with sessions.begin() as session:
        append_client_events(session, [event], make_masker(settings))
    assert outbox_world.dispatch_all() == 1
    assert [row.revision for row in outbox_world.log()] == [1]
    assert_audit_is_clean(sessions)


def test_secrets_in_a_client_event_are_masked(client: TestClient, sessions: sessionmaker[Session]) -> None:
    secret = "hunter2"
    post(
        client,
        a_client_event(
            resource={"prefect.resource.id": "x", "api_key": secret, "url": f"postgres://me:{secret}@host/db"},
            related=[{"prefect.resource.id": "x", "prefect.resource.role": "r", "password": secret}],
            payload={"deep": [{"token": secret}], "url": f"https://host/?token={secret}", "open": "to see"},
        ),
    )
    [row] = log(sessions)
    assert secret not in f"{row.resource} {row.related} {row.payload}"
    assert row.payload["open"] == "to see"
    assert row.resource["api_key"].startswith("$masked-")


@pytest.mark.parametrize(
    "forged",
    [{"event": "aftercommit.key.revoked"}, {"resource": {"prefect.resource.id": "aftercommit.key.ci"}}],
    ids=["event", "resource"],
)
def test_a_client_event_that_looks_like_an_act_of_the_service_is_refused_and_names_why(
    forged: dict[str, Any], client: TestClient, sessions: sessionmaker[Session]
) -> None:
    refusal = post(client, a_client_event(), a_client_event(**forged), status=422)
    assert "must not begin with aftercommit." in refusal.text
    assert log(sessions) == []
