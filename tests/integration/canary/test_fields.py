"""Secrets in every field of every kind do not appear anywhere that they must not be."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Text, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, sessionmaker

from app.capture.kind_classes import ResourceKind
from app.capture.kinds import tracked_kinds
from app.models import EventRow
from tests.canary.life import Lives
from tests.canary.search import as_text, assert_clean, read_events, stored_texts
from tests.canary.secrets import Canaries
from tests.integration.canary.logs import Logs
from tests.integration.outbox_world import OutboxWorld
from tests.integration.serving import Served
from tests.waiting import wait_until
from tests.world import World, updates

NEVER_SECRET = {"concurrency_options", "name", "status"}
"""Tracked texts and objects in which no secret is known: names may hold no URL, and the options
and the status are words of a list."""


@pytest.fixture
def events(
    api: Served, canaries: Canaries, outbox_world: OutboxWorld, sessions: sessionmaker[Session]
) -> list[dict[str, Any]]:
    """Run all lives, search the pending snapshots for secrets, dispatch them and return the events."""
    Lives(api.client, canaries).live()
    wait_until(lambda: len(client_events(sessions)) == 2, "the client events to be in the log")
    assert len(outbox_world.pending()) > 10
    assert_clean(canaries, **dict(stored_texts(sessions)))
    outbox_world.dispatch_all()
    assert not outbox_world.pending()
    return read_events(api.client, sessions)


def client_events(sessions: sessionmaker[Session]) -> Sequence[EventRow]:
    with sessions() as session:
        return session.scalars(select(EventRow).where(EventRow.revision.is_(None))).all()


@pytest.mark.parametrize("level", ["DEBUG", "INFO"], indirect=True)
def test_a_secret_of_any_field_is_stored_only_in_the_rows_of_the_registry(
    events: list[dict[str, Any]], canaries: Canaries, logs: Logs, refused: list[str], sessions: sessionmaker[Session]
) -> None:
    assert_clean(canaries, events=as_text(events), logs=logs.text(), **dict(stored_texts(sessions)))
    assert refused == []
    print(f"{len(canaries.planted)} secrets planted, {len(events)} events read")
    assert len(canaries.planted) > 500


def test_a_secret_was_planted_in_every_tracked_field_that_can_hold_one(events: list[dict[str, Any]]) -> None:
    assert {
        kind.name: fields
        for kind in tracked_kinds()
        if (fields := _maskable_fields(kind) - _masked_fields(kind, events))
    } == {}


def test_a_change_of_a_secret_and_its_reversal_have_distinct_masks(world: World) -> None:
    deployment = world.deploy(job_variables={"env": {"A": "one"}})
    for secret in ("two", "two", "one"):
        world.patch(f"/deployments/{deployment}", {"job_variables": {"env": {"A": secret}}})
    created, there, back = world.life(deployment)
    one, two = created["payload"]["fields"]["infra_overrides"], updates(there)["infra_overrides"]["to"]
    assert list(one["env"]["A"]) == list(two["env"]["A"]) == ["$masked"]
    assert re.fullmatch(r"[0-9a-f]{12}", one["env"]["A"]["$masked"])
    assert updates(there)["infra_overrides"] == {"from": one, "to": two}
    assert updates(back)["infra_overrides"] == {"from": two, "to": one}
    assert one != two


def _maskable_fields(kind: ResourceKind) -> set[str]:
    columns = kind.table.columns
    return {name for name in kind.tracked if isinstance(columns[name].type, Text | JSONB)} - NEVER_SECRET


def _masked_fields(kind: ResourceKind, events: list[dict[str, Any]]) -> set[str]:
    """Return the fields that some event of this kind masks."""
    own = [event["payload"] for event in events if event["event"].startswith(f"prefect.{kind.name}.")]
    shown = [item for payload in own for item in {**payload.get("fields", {}), **payload.get("updates", {})}.items()]
    return {field for field, value in shown if "$masked" in as_text(value)}
