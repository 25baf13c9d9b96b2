"""What commands do to keys, parked snapshots and the masking key is in the log, with who did it and why."""

import json
from datetime import datetime

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from typer.testing import CliRunner, Result

from app.cli import keys as keys_command
from app.cli.main import app
from app.errors import ConfigurationError, Conflict
from app.models import ApiKey, SnapshotRow
from app.settings import Settings, get_settings
from tests.integration.acts_in_log import OPERATOR, actors, acts, label
from tests.integration.outbox_world import OutboxWorld
from tests.integration.parked_world import assert_clean, make_parked
from tests.world import assert_audit_is_clean

pytestmark = pytest.mark.usefixtures("settings")

SECRET = "https://bob:hunter2@ci.example/7"  # A secret of this test.


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def succeed(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def parked_row(outbox_world: OutboxWorld) -> SnapshotRow:
    """A deployment with four revisions: the first is an event, the second is parked."""
    return make_parked(outbox_world)


def test_created_and_revoked_keys_are_in_the_log_without_the_key(sessions: sessionmaker[Session]) -> None:
    key = succeed("keys", "create", "portal", "--role", "admin", "--expires", "30d", "--may-act-for-others").strip()
    succeed("keys", "revoke", "portal")
    created, revoked = acts(sessions)
    with sessions() as session:
        row = session.scalars(select(ApiKey)).one()
    assert [(event.event, event.resource_id) for event in (created, revoked)] == [
        ("aftercommit.key.created", "aftercommit.key.portal"),
        ("aftercommit.key.revoked", "aftercommit.key.portal"),
    ]
    for event in (created, revoked):
        assert (event.payload["role"], event.payload["may_act_for_others"]) == ("admin", True)
        assert datetime.fromisoformat(event.payload["expires"]) == row.expires
        assert (label(event, "actor"), actors(event)) == (OPERATOR, [f"aftercommit.{OPERATOR.replace(':', '.', 1)}"])
        assert (event.revision, event.id.version) == (None, 7)
        stored = f"{event.resource} {event.related} {event.payload}"
        assert key[3:] not in stored
        assert row.digest.hex() not in stored
    assert_audit_is_clean(sessions)


@pytest.mark.parametrize("command", [("keys", "create", "ci"), ("keys", "revoke", "ci")], ids=["create", "revoke"])
def test_an_act_that_is_not_committed_is_not_in_the_log(
    command: tuple[str, ...], sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "revoke" in command:
        succeed("keys", "create", "ci")
    before = len(acts(sessions))

    def fail(_session: Session) -> None:
        raise Conflict("The end of the test.")

    with monkeypatch.context() as patch:
        patch.setattr(Session, "commit", fail)
        assert run(*command).exit_code == 1
    assert len(acts(sessions)) == before


def test_an_act_that_cannot_be_logged_does_not_happen(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise Conflict("The log is away.")

    monkeypatch.setattr(keys_command, "record_acts", fail)
    assert run("keys", "create", "ci").exit_code == 1
    with sessions() as session:
        assert session.scalars(select(ApiKey)).all() == []


def test_replayed_snapshots_are_in_the_log_with_their_resources(
    parked_row: SnapshotRow, outbox_world: OutboxWorld
) -> None:
    succeed("outbox", "replay", "--all", "--dry-run")
    assert acts(outbox_world.sessions) == []
    succeed("outbox", "replay", "--all", "--reason", "the bug is fixed")
    [event] = acts(outbox_world.sessions)
    resource = f"prefect.deployment.{parked_row.resource_id}"
    assert (event.event, event.resource_id) == (
        "aftercommit.snapshot.replayed",
        f"aftercommit.snapshot.{parked_row.id}",
    )
    assert event.payload == {"resource": resource, "revision": 2, "change": "updated"}
    assert (label(event, "actor"), label(event, "reason")) == (OPERATOR, "the bug is fixed")
    assert event.related[0]["prefect.resource.id"] == resource
    outbox_world.dispatch_all()
    assert_clean(outbox_world)


def test_a_skipped_snapshot_is_in_the_log_with_who_skipped_it(
    parked_row: SnapshotRow, outbox_world: OutboxWorld
) -> None:
    succeed("outbox", "skip", parked_row.id, "--reason", "see incident 7")
    [event] = acts(outbox_world.sessions)
    assert (event.event, event.payload["revision"]) == ("aftercommit.snapshot.skipped", 2)
    assert (label(event, "actor"), label(event, "reason")) == (OPERATOR, "see incident 7")
    outbox_world.dispatch_all()
    assert_clean(outbox_world)


@pytest.mark.parametrize(
    "reason", ["x" * 501, "a\x01b", "\u202egnp.exe", "tab\there"], ids=["long", "control", "right-to-left", "tab"]
)
def test_a_malformed_reason_is_refused_as_in_a_header(reason: str, sessions: sessionmaker[Session]) -> None:
    result = run("keys", "create", "ci", "--reason", reason)
    assert (result.exit_code, "The reason must" in result.output) == (2, True)
    with sessions() as session:
        assert session.scalars(select(ApiKey)).all() == []


def test_a_secret_in_a_reason_is_masked_or_refused_without_a_masking_key(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed("keys", "create", "one", "--reason", f"see {SECRET}")
    [event] = acts(sessions)
    assert "hunter2" not in (label(event, "reason") or "")
    assert "https://" in (label(event, "reason") or "")
    monkeypatch.delenv("AFTERCOMMIT_MASKING_KEY")
    refusal = run("keys", "create", "two", "--reason", f"see {SECRET}").exception
    assert isinstance(refusal, ConfigurationError)
    assert "hunter2" not in str(refusal)
    succeed("keys", "create", "two", "--reason", "without a secret")
    assert [event.resource_id for event in acts(sessions)] == ["aftercommit.key.one", "aftercommit.key.two"]


def test_a_replaced_masking_key_is_in_the_log_but_not_the_first_key_or_the_same_one(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = ("migrate", "--replace-masking-key", "--reason", "it leaked")
    succeed(*replace)
    succeed(*replace)
    assert acts(sessions) == []
    monkeypatch.setenv("AFTERCOMMIT_MASKING_KEY", "another key for tests, of 38 characters")
    get_settings.cache_clear()
    succeed(*replace)
    [event] = acts(sessions)
    assert (event.event, event.resource_id) == ("aftercommit.masking.key-replaced", "aftercommit.masking")
    assert (label(event, "actor"), label(event, "reason"), event.payload) == (OPERATOR, "it leaked", {})


def test_the_commands_and_the_api_find_acts(
    client: TestClient, sessions: sessionmaker[Session], settings: Settings
) -> None:
    client.post("/flows/", json={"name": "etl"}).raise_for_status()
    succeed("keys", "create", "ci", "--reason", "for the release")
    listed = succeed("events", "list", "--event", "aftercommit.key", "--by", OPERATOR, "--json").splitlines()
    assert [json.loads(line)["event"] for line in listed] == ["aftercommit.key.created"]
    shown = succeed("events", "show", json.loads(listed[0])["id"])
    for text in ("aftercommit.key.created", OPERATOR.removeprefix("cli:"), "for the release"):
        assert text in shown
    wanted = {"event": {"prefix": ["aftercommit.key"]}}
    [found] = client.post("/events/filter", json={"filter": wanted}).json()["events"]
    assert found["resource"]["prefect.resource.name"] == "ci"
