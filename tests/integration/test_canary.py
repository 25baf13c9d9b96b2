"""Secrets are planted in every field of every kind, and looked for wherever they must not be."""

import io
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import httpx2
import pytest
from sqlalchemy import Text, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, sessionmaker

from app.crud import work_pools
from app.events.kinds import tracked_kinds
from app.events.resource_kind import ResourceKind
from app.events.tracked_statements import table_of
from app.models import EventRow
from app.settings import Settings
from tests.canary.life import Lives
from tests.canary.refusals import Refusal, refusals
from tests.canary.search import as_text, read_events, stored_texts
from tests.canary.secrets import MASKED_KEY, MASKED_PATHS, Canaries
from tests.integration.outbox_world import OutboxWorld
from tests.integration.serving import Served, serving
from tests.waiting import wait_until
from tests.world import World, updates

HOLDS_NO_SECRET = {"concurrency_options", "name", "status"}
"""Tracked texts and objects in which no secret is known: names may hold no URL, and the options
and the status are words of a list."""

NOT_OURS = ("websockets", "httpx", "httpcore", "uvicorn.access")
"""Loggers of the client, which sees what it sends, and the access log, which the product turns off."""


class Logs:
    """All that is logged in this process, at every level: by us to standard error, by libraries to their loggers."""

    def __init__(self, caplog: pytest.LogCaptureFixture, stderr: io.StringIO) -> None:
        """Take what pytest catches, and what stands in for standard error."""
        self._caplog, self._stderr = caplog, stderr

    def text(self) -> str:
        """Return all of it."""
        format_ = logging.Formatter().format
        records = [record for record in self._caplog.records if not record.name.startswith(NOT_OURS)]
        return "\n".join([self._stderr.getvalue(), *map(format_, records)])


@pytest.fixture(autouse=True)
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The level at which everything is logged, and the rules of masking, before the settings are read."""
    level: str = getattr(request, "param", "DEBUG")
    monkeypatch.setenv("AFTERCOMMIT_LOG_LEVEL", level)
    monkeypatch.setenv("AFTERCOMMIT_MASKED_KEYS", MASKED_KEY)
    monkeypatch.setenv("AFTERCOMMIT_MASKED_PATHS", ",".join(MASKED_PATHS))
    return level


@pytest.fixture
def logs(level: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Logs:
    """The logs of this process."""
    caplog.set_level(level)
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    return Logs(caplog, stderr)


@pytest.fixture
def canaries() -> Canaries:
    """The secrets of this test."""
    return Canaries()


@pytest.fixture
def api(settings: Settings, logs: Logs) -> Iterator[Served]:
    """The API on a port of its own, with its logs caught from the beginning."""
    with serving() as served:
        yield served


@pytest.fixture
def refused(api: Served) -> list[str]:
    """The answers that say that something went wrong: status, headers and body."""
    answers: list[str] = []

    def keep(response: httpx2.Response) -> None:
        if response.status_code >= 400:
            answers.append(f"{response.status_code} {response.headers} {response.read().decode()}")

    api.client.event_hooks = {"response": [keep]}
    return answers


@pytest.fixture
def events(
    api: Served, canaries: Canaries, outbox_world: OutboxWorld, sessions: sessionmaker[Session]
) -> list[dict[str, Any]]:
    """All lives are lived; the snapshots wait, are searched, and become the events that are returned."""
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


def assert_clean(canaries: Canaries, **texts: str) -> None:
    """Fail with the places where secrets were planted that one of these texts holds, and never with a secret."""
    found = {name: canaries.found_in(content) for name, content in texts.items()}
    assert {name: places for name, places in found.items() if places} == {}


@pytest.mark.parametrize("level", ["DEBUG", "INFO"], indirect=True)
def test_no_secret_of_any_field_gets_anywhere_but_into_the_registrys_own_rows(
    events: list[dict[str, Any]], canaries: Canaries, logs: Logs, refused: list[str], sessions: sessionmaker[Session]
) -> None:
    assert_clean(canaries, events=as_text(events), logs=logs.text(), **dict(stored_texts(sessions)))
    assert refused == []
    print(f"{len(canaries.planted)} secrets planted, {len(events)} events read")
    assert len(canaries.planted) > 500


def test_a_secret_was_planted_in_every_tracked_field_that_can_hold_one(events: list[dict[str, Any]]) -> None:
    assert {kind.name: fields for kind in tracked_kinds() if (fields := _able(kind) - _masked(kind, events))} == {}


def test_no_refusal_quotes_what_was_sent(
    api: Served, canaries: Canaries, logs: Logs, refused: list[str], sessions: sessionmaker[Session]
) -> None:
    for refusal in refusals(api.client, canaries):
        refusal.send(api.client)
    assert len(refused) > 70
    assert_clean(canaries, answers="\n".join(refused), logs=logs.text(), **dict(stored_texts(sessions)))
    print(f"{len(canaries.planted)} secrets planted in {len(refused)} refused requests")


def test_an_unforeseen_error_quotes_nothing(
    api: Served, canaries: Canaries, logs: Logs, refused: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_session: Session, name: str, *_: Any) -> None:
        raise RuntimeError(f"nobody foresaw {name}")

    monkeypatch.setattr(work_pools, "read_work_pool", fail)
    monkeypatch.setattr(work_pools, "update_work_pool", fail)
    path = f"/work_pools/{canaries.secret('path, 500')}?a={canaries.secret('query, 500')}"
    Refusal(500, "GET", path).send(api.client)
    Refusal(500, "PATCH", path, {"description": canaries.url("body, 500")}).send(api.client)
    assert "request_failed" in logs.text()
    assert_clean(canaries, answers="\n".join(refused), logs=logs.text())


SQLSTATES = {
    "22P02": 422,
    "23505": 409,
    "23514": 409,
    "54000": 422,
    "53100": 503,
    "42P01": 503,
    "57P03": 503,
    "P0001": 503,
}

RAISE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION USING ERRCODE = NEW.version, MESSAGE = CASE
        WHEN NEW.version ~ '^(22|P0)' THEN 'quoting ' || NEW::text ELSE 'refused' END,
        DETAIL = NEW::text, HINT = NEW::text;
END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON deployment FOR EACH ROW WHEN (NEW.version IS NOT NULL)
EXECUTE FUNCTION refuse()
"""
"""Errors as PostgreSQL and triggers make them: with the row, and some with the value in the first line."""


@pytest.mark.own_database
def test_no_error_of_the_database_quotes_a_row(
    api: Served, canaries: Canaries, logs: Logs, refused: list[str], sessions: sessionmaker[Session]
) -> None:
    with sessions.begin() as session:
        session.execute(text(RAISE))
    flow = api.client.post("/flows/", json={"name": "etl"}).json()["id"]
    for state, status in SQLSTATES.items():
        body = {"version": state, "description": canaries.secret(state), "parameters": canaries.values(state)}
        Refusal(status, "POST", "/deployments/", {"name": "d", "flow_id": flow, **body}).send(api.client)
    assert_clean(canaries, answers="\n".join(refused), logs=logs.text(), **dict(stored_texts(sessions)))
    assert len(refused) == len(SQLSTATES)


def test_a_change_of_a_secret_shows_and_so_does_its_way_back(world: World) -> None:
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


def _able(kind: ResourceKind) -> set[str]:
    columns = table_of(kind).columns
    return {name for name in kind.tracked if isinstance(columns[name].type, Text | JSONB)} - HOLDS_NO_SECRET


def _masked(kind: ResourceKind, events: list[dict[str, Any]]) -> set[str]:
    """The fields of the kind in which some event has a mask."""
    own = [event["payload"] for event in events if event["event"].startswith(f"prefect.{kind.name}.")]
    shown = [item for payload in own for item in {**payload.get("fields", {}), **payload.get("updates", {})}.items()]
    return {field for field, value in shown if "$masked" in as_text(value)}
