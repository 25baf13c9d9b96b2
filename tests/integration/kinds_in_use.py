"""One resource of each tracked kind, created as the routes do it, and other values for each of their fields."""

from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.capture.kinds import STATUS, tracked_kinds
from app.crud import flows
from app.crud.deployments.upsert import upsert_deployment
from app.crud.limits import concurrency_limits
from app.crud.work_pools import pools as work_pools
from app.schemas.deployments import DeploymentCreate

Row = Mapping[str, Any]


def make_one_of_each(sessions: sessionmaker[Session]) -> dict[str, Row]:
    """Make a flow, a pool with its default queue, a limit, and a deployment that refers to all of them.

    Returns:
        Their rows by kind.
    """
    with sessions.begin() as session:
        flow, _ = flows.get_or_create_flow(session, "etl")
        work_pools.create_work_pool(session, {"name": "pool", "type": "process"})
        limit = concurrency_limits.create_concurrency_limit(session, {"name": "limit", "limit": 1})
        body = DeploymentCreate(
            name="nightly", flow_id=flow.id, work_pool_name="pool", global_concurrency_limit_id=limit.id
        )
        upsert_deployment(session, body)
    with sessions() as session:
        return {kind.name: dict(session.execute(select(kind.table)).mappings().one()) for kind in tracked_kinds()}


def other_values(row: Row, field: str) -> dict[str, Any]:
    """Return another valid value for the field, together with the fields that the database ties to it."""
    if field == "is_paused":
        return {field: not row[field], STATUS: "NOT_READY" if row[field] else "PAUSED"}
    return {field: other_value(row, field)}


def other_value(row: Row, field: str) -> Any:
    """Return a value for the field that differs from the row's and that the database accepts."""
    value = row[field]
    if field == STATUS:
        return "NOT_READY" if value == "READY" else "READY"
    others: dict[type, Callable[[Any], Any]] = {
        bool: lambda old: not old,
        int: lambda old: old + 1,
        float: lambda old: old + 1,
        str: lambda old: old + "x",
        dict: lambda old: {**old, "x": 1},
        list: lambda old: [*old, {"x": 1} if field == "schedules" else "x"],
        UUID: lambda _: None,
        NoneType: lambda _: _instead_of_null(field),
    }
    return others[type(value)](value)


def _instead_of_null(field: str) -> Any:
    if field == "concurrency_limit":
        return 7
    if field.endswith("document_id"):
        return "00000000-0000-0000-0000-00000000000b"
    if field in ("filter", "concurrency_options", "parameter_openapi_schema"):
        return {"x": 1}
    return [{"x": 1}] if field == "pull_steps" else "x"
