"""Limits on the size of a change: values too large for an event are omitted, and changes beyond that are rejected."""

import json
from dataclasses import asdict
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.models import SnapshotRow
from app.models.snapshot import STATE_LIMIT
from app.schemas.bodies import DIGITS_LIMIT
from app.settings import get_settings
from app.web.errors import CHANGE_TOO_LARGE
from tests.unit.snapshots import snapshot_row
from tests.world import World, assert_audit_is_clean, operations, updates

MANY_NUMBERS = "[" + ",".join(["1e307"] * 4_000) + "]"
"""24 kB that PostgreSQL writes as 1.2 MB: of four megabytes it makes two hundred."""
FEWER_NUMBERS = "[" + ",".join(["1e307"] * 400) + "]"
STEPS = ",".join([f'{{"n": {FEWER_NUMBERS}}}'] * 10)
SCHEDULES = ",".join([f'{{"schedule": {{"interval": 60}}, "parameters": {{"n": {FEWER_NUMBERS}}}}}'] * 10)

COLUMNS = {column.name for column in SnapshotRow.__table__.columns} - {"sequence", "size"}


def variables(size: int, letter: str = "x") -> dict[str, Any]:
    """Return job variables of `size` bytes in total, in ten values."""
    return {f"key{number}": letter * (size // 10) for number in range(10)}


def post(world: World, path: str, content: str, status: int) -> Any:
    response = world.client.post(path, content=content, headers={"content-type": "application/json"})
    assert response.status_code == status, response.text
    return response.json()


def test_a_change_of_large_job_variables_has_an_event_with_one_side_omitted(world: World) -> None:
    deployment = world.deploy(job_variables=variables(800_000, "x"), version="1")
    world.patch(f"/deployments/{deployment}", {"job_variables": variables(800_000, "y"), "version": "2"})
    created, updated = world.life(deployment)
    assert created["payload"]["fields"]["infra_overrides"] == variables(800_000, "x")
    assert updates(updated)["version"] == {"from": "1", "to": "2"}
    sides = updates(updated)["infra_overrides"]
    # Both sides together (1.6 MB) exceed the cap, so one side is replaced by its size and the other one is kept.
    omitted = {"$omitted": str(len(json.dumps(variables(800_000), separators=(",", ":"))))}
    assert omitted in sides.values()
    assert variables(800_000, "x") in sides.values() or variables(800_000, "y") in sides.values()
    assert updated["payload"]["omitted_fields"] == ["infra_overrides"]
    assert_audit_is_clean(world.sessions)


def test_a_creation_and_a_deletion_above_the_size_cap_have_events(world: World) -> None:
    deployment = world.deploy(job_variables=variables(1_500_000), description="large")
    world.delete(f"/deployments/{deployment}")
    events = world.life(deployment)
    assert operations(events) == ["created", "deleted"]
    for event in events:
        fields = event["payload"]["fields"]
        assert list(fields["infra_overrides"]) == ["$omitted"]
        assert int(fields["infra_overrides"]["$omitted"]) > 1_500_000
        assert fields["description"] == "large"
        assert event["payload"]["omitted_fields"] == ["infra_overrides"]
        assert len(json.dumps(event, separators=(",", ":"))) < get_settings().event_size_cap
    assert_audit_is_clean(world.sessions)


def test_the_largest_state_can_be_created_changed_and_deleted(world: World) -> None:
    deployment = world.deploy(job_variables=variables(STATE_LIMIT - 10_000, "x"))
    world.post(f"/deployments/{deployment}/pause_deployment", None)
    world.patch(f"/deployments/{deployment}", {"job_variables": variables(STATE_LIMIT - 10_000, "y")})
    world.delete(f"/deployments/{deployment}")
    assert operations(world.life(deployment)) == ["created", "updated", "updated", "deleted"]
    assert_audit_is_clean(world.sessions)


def test_a_change_that_is_too_large_to_record_is_refused_and_changes_nothing(world: World) -> None:
    deployment = world.deploy(job_variables=variables(3_000_000))
    response = world.client.patch(f"/deployments/{deployment}", json={"pull_steps": [variables(2_000_000)]})
    assert (response.status_code, response.json()) == (422, {"detail": CHANGE_TOO_LARGE})
    assert world.client.get(f"/deployments/{deployment}").json()["pull_steps"] is None
    world.patch(f"/deployments/{deployment}", {"pull_steps": [variables(500_000)]})
    assert operations(world.life(deployment)) == ["created", "updated"]


def test_a_creation_whose_masked_state_is_too_large_is_refused(world: World) -> None:
    # Each mask is longer than the value that it replaces.
    environment = {f"{number}": "1" for number in range(150_000)}
    body = {"name": "d", "flow_id": world.flow(), "job_variables": {"env": environment}}
    assert world.post("/deployments/", body, 422) == {"detail": CHANGE_TOO_LARGE}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/deployments/", f'{{"name": "d", "flow_id": "FLOW", "job_variables": {{"n": {MANY_NUMBERS}}}}}'),
        ("/deployments/", f'{{"name": "d", "flow_id": "FLOW", "pull_steps": [{STEPS}]}}'),
        ("/deployments/DEPLOYMENT/schedules", f"[{SCHEDULES}]"),
        (
            "/work_pools/",
            f'{{"name": "p", "type": "process", "description": "d", "base_job_template": {{"n": {MANY_NUMBERS}}}}}',
        ),
        ("/work_pools/POOL/queues", f'{{"name": "q", "filter": {{"n": {MANY_NUMBERS}}}}}'),
        ("/flows/", '{"name": "f", "labels": {' + ",".join(f'"{n}": 1e307' for n in range(4_000)) + "}}"),
    ],
)
def test_numbers_with_too_many_digits_in_total_are_refused(world: World, path: str, content: str) -> None:
    deployment, pool = world.deploy(), world.pool()
    path = path.replace("DEPLOYMENT", deployment).replace("POOL", pool)
    answer = post(world, path, content.replace("FLOW", world.flow()), 422)
    assert f"must not have more than {DIGITS_LIMIT} digits" in json.dumps(answer)


@pytest.mark.parametrize("number", ["1e307", "-1e307", "1e-307", "5e-324", "1.7976931348623157e308", "0.0", "1e16"])
def test_a_few_very_large_or_small_numbers_are_stored(world: World, number: str) -> None:
    content = f'{{"name": "d", "flow_id": "{world.flow()}", "parameters": {{"n": [{number}, {number}]}}}}'
    deployment = post(world, "/deployments/", content, 201)["id"]
    assert float(world.life(deployment)[0]["payload"]["fields"]["parameters"]["n"][0]) == json.loads(number)


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, STATE_LIMIT), (100, STATE_LIMIT), (2 * STATE_LIMIT, 100), (2 * STATE_LIMIT, None)],
)
def test_the_database_refuses_a_snapshot_that_is_too_large(
    sessions: sessionmaker[Session], before: int | None, after: int | None
) -> None:
    with sessions() as session, pytest.raises(IntegrityError, match=r"ck_snapshot_(state_)?size"):
        session.execute(insert(SnapshotRow), _columns(before, after))


@pytest.mark.parametrize(
    ("before", "after"), [(None, STATE_LIMIT - 100), (STATE_LIMIT - 100, STATE_LIMIT - 100), (STATE_LIMIT - 100, None)]
)
def test_the_database_accepts_a_snapshot_of_the_largest_states(
    sessions: sessionmaker[Session], before: int | None, after: int | None
) -> None:
    with sessions() as session:
        session.execute(insert(SnapshotRow), _columns(before, after))


def _columns(before: int | None, after: int | None) -> dict[str, Any]:
    row = snapshot_row(
        operation="created" if before is None else "deleted" if after is None else "updated",
        revision=1 if before is None else 2,
        before=None if before is None else {"a": "x" * before},
        after=None if after is None else {"a": "x" * after},
        attribution={"actor": "unknown"},
    )
    follows = None if before is None else row.follows
    given = {key: value for key, value in asdict(row).items() if key in COLUMNS}
    return {**given, "follows": follows}
