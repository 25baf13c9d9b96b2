"""`/api/sources` does what `aftercommit attach` does, and no answer has a password."""

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker

from app.settings import Settings
from tests.integration.acts_in_log import acts
from tests.integration.sources.attached import Attached
from tests.integration.sources.shop import PROFILE, Shop

BODY = {"name": "shop", "profile": PROFILE.read_text()}


@pytest.fixture
def attached(client: TestClient, shop: Shop, sessions: sessionmaker[Session], settings: Settings) -> Attached:
    """The application, attached over HTTP."""
    response = client.post("/sources/", json={**BODY, "url": shop.address})
    assert response.status_code == 201, response.text
    return Attached(shop, sessions, settings)


def test_a_source_is_attached_and_followed(attached: Attached, client: TestClient) -> None:
    attached.follow()
    attached.run("INSERT INTO crm.customer (code, full_name) VALUES ('c1', 'Ada')")

    assert attached.told() == ["customer.c1 created"]
    (row,) = client.get("/sources/").json()
    assert (row["name"], row["state"], row["profile"], row["resources"]) == ("shop", "attached", "shop", 1)


def test_the_status_says_what_waits_and_what_holds_changes_back(attached: Attached, client: TestClient) -> None:
    attached.follow()
    attached.shop.run("INSERT INTO crm.customer (code, full_name) VALUES ('c1', 'Ada')")
    with attached.second_session() as holder:
        holder.execute("SET application_name = 'slow report'")
        holder.execute("UPDATE crm.customer SET full_name = 'Bob'")
        row = client.get("/sources/shop").json()

    assert row["error"] is None
    assert row["waiting"]["row_changes"] == 1
    (held,) = row["waiting"]["open_transactions"]
    assert (held["application"], held["state"]) == ("slow report", "idle in transaction")
    assert held["seconds"] >= 0
    assert row["verification"] is None


def test_a_database_that_is_away_is_the_error_of_the_status(attached: Attached, client: TestClient) -> None:
    attached.shop.run("DROP SCHEMA aftercommit CASCADE")

    row = client.get("/sources/shop").json()

    assert "Nothing is installed" in row["error"]
    assert row["waiting"] is None


def test_a_source_is_paused_and_resumed(attached: Attached, client: TestClient) -> None:
    assert client.post("/sources/shop/pause").status_code == 204
    assert client.get("/sources/shop").json()["state"] == "paused"
    assert client.post("/sources/shop/pause").status_code == 409

    assert client.post("/sources/shop/resume", json={"url": attached.shop.address}).status_code == 204

    assert client.get("/sources/shop").json()["state"] == "attached"


def test_a_source_is_verified(attached: Attached, client: TestClient) -> None:
    attached.follow()
    assert client.get("/sources/shop/verification").status_code == 404
    attached.shop.run(
        "SET LOCAL session_replication_role = replica",
        "INSERT INTO crm.customer (code, full_name) VALUES ('c1', 'Ada')",
    )

    assert client.post("/sources/shop/verify").status_code == 202
    assert client.get("/sources/shop/verification").json()["finished"] is None
    attached.follow()

    row = client.get("/sources/shop/verification").json()
    assert (row["compared"], row["found"]) == (1, 1)
    assert [one["resource"] for one in row["differences"]] == ["aftercommit.shop.customer.c1"]
    assert client.get("/sources/shop").json()["verification"]["found"] == 1


def test_a_source_with_changes_that_wait_is_detached_only_by_force(attached: Attached, client: TestClient) -> None:
    attached.shop.run("INSERT INTO crm.customer (code, full_name) VALUES ('c1', 'Ada')")
    assert client.delete("/sources/shop").status_code == 409

    assert client.delete("/sources/shop", params={"force": True}).json() == {"lost": 1, "left": None}

    assert client.get("/sources/shop").json()["state"] == "detached"
    assert attached.shop.read("SELECT count(*) FROM pg_namespace WHERE nspname = 'aftercommit'") == [(0,)]


def test_no_answer_and_no_event_has_the_password(attached: Attached, client: TestClient) -> None:
    password = str(psycopg.conninfo.conninfo_to_dict(attached.shop.address)["password"])
    answers = [
        client.get("/sources/"),
        client.get("/sources/shop"),
        client.post("/sources/", json={**BODY, "url": attached.shop.address}),
        client.post("/sources/shop/resume", json={"url": f"{attached.shop.address}?colour=red"}),
        client.post("/events/filter", json={}),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 409, 422, 200]
    assert [answer.text for answer in answers if password in answer.text] == []


def test_each_act_is_an_event(attached: Attached, client: TestClient, sessions: sessionmaker[Session]) -> None:
    for path in ("pause", "resume", "verify"):
        client.post(f"/sources/shop/{path}")
    client.delete("/sources/shop")

    told = acts(sessions)
    assert [act.event.removeprefix("aftercommit.source.") for act in told] == [
        "attached",
        "paused",
        "resumed",
        "verification-requested",
        "detached",
    ]
    assert {act.resource_id for act in told} == {"aftercommit.source.shop"}
    assert {act.resource["aftercommit.actor"] for act in told} == {"anonymous"}


def test_a_profile_is_no_path_of_a_file(client: TestClient, shop: Shop) -> None:
    response = client.post("/sources/", json={"name": "shop", "profile": str(PROFILE), "url": shop.address})

    assert response.status_code == 422
    assert "not TOML" in response.json()["detail"]


@pytest.mark.parametrize("name", ["key", "source", "unknown"])
def test_a_reserved_name_is_refused(client: TestClient, shop: Shop, name: str) -> None:
    response = client.post("/sources/", json={**BODY, "name": name, "url": shop.address})

    assert response.status_code == 422
    assert "reserved" in response.json()["detail"]


def test_an_unknown_source_is_not_found(client: TestClient) -> None:
    assert client.get("/sources/nobody").status_code == 404
    assert client.delete("/sources/nobody").status_code == 404
    for path in ("pause", "resume", "verify"):
        assert client.post(f"/sources/nobody/{path}").status_code == 404
