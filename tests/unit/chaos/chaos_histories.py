"""Small correct histories for the tests of the chaos verdict. Each test breaks one thing in them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.chaos.facts import TRACKED, EventFact, History, RowFact
from tests.chaos.ledger import Operation
from tests.chaos.verdict import judge

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FLOW = "flow-1"
DEPLOYMENT = "deployment-1"


def state(**fields: Any) -> dict[str, Any]:
    """Return a deployment's tracked fields with these values."""
    empty: dict[str, Any] = dict.fromkeys(TRACKED["deployment"])
    return {**empty, "labels": {"prefect.flow.id": FLOW}, "schedules": [], "tags": [], "paused": False, **fields}


def created(token: str, **fields: Any) -> dict[str, Any]:
    """Return the payload of a creation."""
    return {"fields": state(version=token, **fields)}


def updated(**fields: tuple[Any, Any]) -> dict[str, Any]:
    """Return the payload of an update; each field is given as (from, to)."""
    return {"updates": {name: {"from": before, "to": after} for name, (before, after) in fields.items()}}


def event(
    position: int, what: str, payload: dict[str, Any], *, revision: int, deployment: str, kind: str = "deployment"
) -> EventFact:
    """Return an event that follows the previous revision's; `deployment` is the id of any kind of resource."""
    return EventFact(
        position=position,
        id=f"{deployment} {revision}",
        event=f"prefect.{kind}.{what}",
        resource_id=f"prefect.{kind}.{deployment}",
        revision=revision,
        follows=f"{deployment} {revision - 1}" if revision > 1 else None,
        occurred=NOON + timedelta(seconds=position),
        payload=payload,
    )


def life(*steps: tuple[str, dict[str, Any]], deployment: str = DEPLOYMENT, start: int = 1) -> list[EventFact]:
    """Return the events of a deployment in order, from position `start`."""
    return life_of("deployment", deployment, start, *steps)


def life_of(
    kind: str, id_: str, start: int, *steps: tuple[str, dict[str, Any]], pool: str | None = None
) -> list[EventFact]:
    """Return the events of a resource in order, from position `start`; `pool` is a queue's pool."""
    related = [{"prefect.resource.id": f"prefect.work-pool.{pool}", "prefect.resource.role": "work-pool"}]
    return [
        replace(
            event(start + at, what, payload, revision=at + 1, deployment=id_, kind=kind),
            related=related if pool is not None else (),
        )
        for at, (what, payload) in enumerate(steps)
    ]


def named(name: str) -> dict[str, Any]:
    """Return the creation or deletion payload of a limit or queue with this name."""
    return {"name": name, "fields": {"name": name, "limit": 1}}


def row(revision: int, deployment: str = DEPLOYMENT, **fields: Any) -> RowFact:
    """Return the row of a deployment with these values."""
    return RowFact(deployment, revision, f"{deployment} {revision}", state(**fields))


def upsert(token: str, *, effects: int = 1, acks: int = 1, **more: Any) -> Operation:
    """Return an upsert, acknowledged by default."""
    fields = frozenset({"version", "labels", "parameters", "schedules"})
    operation = Operation(token, "upsert", (FLOW,), fields=fields, effects=effects, acks=acks)
    operation.tries = max(effects, 1)
    operation.answers = [DEPLOYMENT] * acks
    return _answered(operation, **more)


def patch(token: str, *, effects: int = 1, acks: int = 1, **more: Any) -> Operation:
    """Return a patch of the version, acknowledged by default."""
    operation = Operation(token, "patch", (DEPLOYMENT,), effects=effects, acks=acks)
    operation.fields, operation.values = frozenset({"version"}), {"version": token}
    operation.tries = max(effects, 1)
    return _answered(operation, **more)


def without_token(token: str, verb: Any, *targets: str, effects: int = 1, acks: int = 1, **more: Any) -> Operation:
    """Return an operation that leaves no token, acknowledged by default."""
    operation = Operation(token, verb, targets, effects=effects, acks=acks)
    operation.answers = list(targets) if acks and verb.partition("-")[0] in {"delete", "bulk"} else []
    return _answered(operation, **more)


def _answered(operation: Operation, *, sent: float = 0.0, acknowledged: float = 1.0) -> Operation:
    operation.sent = sent
    operation.acknowledged = acknowledged if operation.acks else None
    return operation


def history(
    events: Sequence[EventFact], operations: Sequence[Operation], rows: Sequence[RowFact] = (), **more: Any
) -> History:
    """Return a history whose log ends with the last of these events."""
    head = max((each.position for each in events), default=0)
    found = History(events=events, rows={each.id: each for each in rows}, head=head, operations=operations)
    return replace(found, **more)


def correct_history() -> History:
    """Return a correct history: a deployment is created and changed twice."""
    events = life(
        ("created", created("c1-op1")),
        ("updated", updated(version=("c1-op1", "c1-op2"))),
        ("updated", updated(version=("c1-op2", "c1-op3"))),
    )
    operations = [
        upsert("c1-op1"),
        patch("c1-op2", sent=2, acknowledged=3),
        patch("c1-op3", sent=4, acknowledged=5),
    ]
    tail = [(each.position, each.id) for each in events]
    return history(events, operations, [row(3, version="c1-op3")], tails=[tail])


def categories(found: History) -> list[str]:
    """Return the categories of the verdict's findings, each once."""
    return sorted({finding.category for finding in judge(found)})
