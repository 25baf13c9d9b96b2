"""The `World` of a test: a running aftercommit, used through its API and its database.

The same scenarios run on two worlds: one process with eager tasks, and real processes with a real broker.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx2
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.audit.reconcile import reconcile
from app.models import SnapshotRow
from tests.waiting import wait_until

JsonEvent = dict[str, Any]


@dataclass
class World:
    """The API client and database that scenarios use. `client` calls the API below `/api`."""

    client: httpx2.Client
    sessions: sessionmaker[Session]
    patience: float = 30.0
    """The seconds that the workers have to empty the outbox."""
    token: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    """Part of every name, so that scenarios that share a database do not collide."""

    def name(self, text: str) -> str:
        """Return `text` with the token of this world."""
        return f"{text}-{self.token}"

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        """POST and return the JSON response, which must have this status."""
        response = self.client.post(path, json=body)
        assert response.status_code == status, f"POST {path}: {response.status_code} {response.text}"
        return response.json()

    def patch(self, path: str, body: Any, status: int = 204) -> None:
        """PATCH; the response must have this status."""
        response = self.client.patch(path, json=body)
        assert response.status_code == status, f"PATCH {path}: {response.status_code} {response.text}"

    def delete(self, path: str, status: int = 204) -> None:
        """DELETE; the response must have this status."""
        response = self.client.delete(path)
        assert response.status_code == status, f"DELETE {path}: {response.status_code} {response.text}"

    def flow(self, name: str = "etl") -> str:
        """Create a flow, or find it, and return its id."""
        response = self.client.post("/flows/", json={"name": self.name(name)})
        assert response.status_code in (200, 201), response.text
        return str(response.json()["id"])

    def pool(self, name: str = "pool") -> str:
        """Create a work pool and return its name."""
        full_name = self.name(name)
        self.post("/work_pools/", {"name": full_name, "type": "process"}, 201)
        return full_name

    def deploy(self, status: int = 201, *, flow: str = "etl", name: str = "nightly", **fields: Any) -> str:
        """Create or update a deployment and return its id."""
        body = {"name": self.name(name), "flow_id": self.flow(flow), **fields}
        return str(self.post("/deployments/", body, status)["id"])

    def drain_outbox(self) -> None:
        """Wait until the outbox is empty except for parked snapshots."""

        def waiting() -> int:
            with self.sessions() as session:
                statement = select(func.count()).select_from(SnapshotRow).where(SnapshotRow.parked.is_(None))
                return session.scalars(statement).one()

        wait_until(lambda: waiting() == 0, "the outbox to be empty", self.patience)

    def life(self, resource_id: str, kind: str = "deployment") -> list[JsonEvent]:
        """Drain the outbox, then return all events of a resource, oldest first."""
        self.drain_outbox()
        wanted = {"resource": {"id": [f"prefect.{kind}.{resource_id}"]}, "order": "ASC"}
        page = self.post("/events/filter", {"filter": wanted, "limit": 50})
        events: list[JsonEvent] = page["events"]
        while page["next_page"]:
            page = self.client.get(page["next_page"]).json()
            events += page["events"]
        assert len(events) == page["total"]
        return events


def operations(events: list[JsonEvent]) -> list[str]:
    """Return the operations without the kind: created, updated, deleted."""
    return [event["event"].rpartition(".")[2] for event in events]


def updates(event: JsonEvent) -> dict[str, Any]:
    """Return the field diffs of an updated event."""
    assert event["payload"]["updated_fields"] == sorted(event["payload"]["updates"])
    found: dict[str, Any] = event["payload"]["updates"]
    return found


def related(event: JsonEvent) -> list[tuple[str, str | None]]:
    """Return the role and the name of each related resource, in order, without the actor of the change."""
    found = [(r["prefect.resource.role"], r.get("prefect.resource.name")) for r in event["related"]]
    return [(role, name) for role, name in found if role != "actor"]


def assert_audit_is_clean(sessions: sessionmaker[Session]) -> None:
    """Fail if `reconcile` finds lost, invented, duplicate or misordered events."""
    with sessions() as session:
        audit = reconcile(session)
    assert audit.is_clean, audit.findings


def assert_unbroken(events: list[JsonEvent]) -> None:
    """Check one resource's events: gapless revisions, each follows the previous, `from` = previous `to`."""
    assert [int(event["resource"]["aftercommit.revision"]) for event in events] == list(range(1, len(events) + 1))
    assert [event["follows"] for event in events] == [None, *(event["id"] for event in events[:-1])]
    assert len({event["id"] for event in events}) == len(events)
    positions = [event["position"] for event in events]
    assert positions == sorted(positions)
    times = [event["occurred"] for event in events]
    assert times == sorted(set(times))
    assert operations(events)[0] == "created"
    state = dict(events[0]["payload"]["fields"])
    for event in events[1:]:
        if event["event"].endswith(".deleted"):
            assert event["payload"]["fields"] == state
            continue
        for name, change in updates(event).items():
            assert change["from"] == state[name], f"{name} of revision {event['resource']['aftercommit.revision']}"
            assert change["to"] != change["from"]
            state[name] = change["to"]
