"""Secrets in rejected and failing requests do not appear in the responses or the logs."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from app.crud.work_pools import pools as work_pools
from tests.canary.refusals import Refusal, refusals
from tests.canary.search import assert_clean, stored_texts
from tests.canary.secrets import Canaries
from tests.integration.canary.logs import Logs
from tests.integration.serving import Served


def test_no_refusal_quotes_the_request(
    api: Served, canaries: Canaries, logs: Logs, refused: list[str], sessions: sessionmaker[Session]
) -> None:
    for refusal in refusals(api.client, canaries):
        refusal.send(api.client)
    assert len(refused) > 70
    assert_clean(canaries, answers="\n".join(refused), logs=logs.text(), **dict(stored_texts(sessions)))
    print(f"{len(canaries.planted)} secrets planted in {len(refused)} refused requests")


def test_an_unexpected_error_quotes_nothing(
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
    "P0001": 422,
}


RAISING_TRIGGER = """
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
def test_no_database_error_quotes_a_row(
    api: Served, canaries: Canaries, logs: Logs, refused: list[str], sessions: sessionmaker[Session]
) -> None:
    with sessions.begin() as session:
        session.execute(text(RAISING_TRIGGER))
    flow = api.client.post("/flows/", json={"name": "etl"}).json()["id"]
    for state, status in SQLSTATES.items():
        body = {"version": state, "description": canaries.secret(state), "parameters": canaries.values(state)}
        Refusal(status, "POST", "/deployments/", {"name": "d", "flow_id": flow, **body}).send(api.client)
    assert_clean(canaries, answers="\n".join(refused), logs=logs.text(), **dict(stored_texts(sessions)))
    assert len(refused) == len(SQLSTATES)
