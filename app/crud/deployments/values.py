"""From a deployment's request body to the values of its columns, with what they refer to found and locked.

Locks are taken in one order everywhere: flow, work pool, work queue, concurrency limit, deployment.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.crud.deployments.conformity import check_conformity
from app.crud.limits.concurrency_limits import lock_limit
from app.crud.work_pools.queues import resolve_queue
from app.errors import RequestError
from app.models import WorkPool, WorkQueue
from app.postgres.engine import JsonObject
from app.schemas.deployments import DeploymentCreate, DeploymentUpdate

PLAIN = (
    "description",
    "enforce_parameter_schema",
    "entrypoint",
    "infrastructure_document_id",
    "parameter_openapi_schema",
    "parameters",
    "path",
    "paused",
    "pull_steps",
    "storage_document_id",
    "tags",
    "version",
)
"""Columns that take the value of the key of the same name."""


def given_values(session: Session, body: DeploymentCreate | DeploymentUpdate) -> dict[str, Any]:
    """Return the columns that the body sets, but for labels, schedules and the deployment's own limit.

    Raises:
        NotFound: the work pool or the global concurrency limit does not exist.
    """
    given = body.given()
    values = plain_values(body, given)
    values.update(_queue(session, given))
    hold_shared_limit(session, given)
    return values | limit_values(given)


def plain_values(body: DeploymentCreate | DeploymentUpdate, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those columns of them that refer to nothing else; `given` is what the body names."""
    values = {key: given[key] for key in PLAIN if key in given}
    if "concurrency_options" in given:
        values["concurrency_options"] = _options(body)
    if given.get("job_variables") is not None:
        values["infra_overrides"] = given["job_variables"]
    return values


def limit_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limit as far as it is not the deployment's own; a null for either kind of limit clears it."""
    if given.get("global_concurrency_limit_id") is not None:
        return {"concurrency_limit": None, "concurrency_limit_id": given["global_concurrency_limit_id"]}
    if given.get("concurrency_limit") is not None:
        return {"concurrency_limit": given["concurrency_limit"]}
    if {"concurrency_limit", "global_concurrency_limit_id"} & given.keys():
        return {"concurrency_limit": None, "concurrency_limit_id": None}
    return {}


def hold_shared_limit(session: Session, given: Mapping[str, Any]) -> None:
    """Keep the global concurrency limit that is named, if one is, from being deleted in this transaction.

    Raises:
        NotFound: it does not exist.
    """
    if given.get("global_concurrency_limit_id") is not None:
        lock_limit(session, given["global_concurrency_limit_id"])


def job_template(session: Session, queue_id: UUID | None) -> JsonObject | None:
    """Return the template of the queue's work pool; None without a queue."""
    if queue_id is None:
        return None
    in_pool = select(WorkPool.base_job_template).join(WorkQueue, WorkQueue.work_pool_id == WorkPool.id)
    return session.scalar(in_pool.where(WorkQueue.id == queue_id))


def check_job_variables(template: JsonObject | None, job_variables: JsonObject | None) -> None:
    """Refuse job variables that the template of the work pool does not allow.

    Raises:
        InvalidRequest: they do not fit.
    """
    schema = (template or {}).get("variables")
    if job_variables and isinstance(schema, dict) and schema:
        check_conformity(job_variables, schema, "job variables")


def check_parameters(deployment: Mapping[str, Any], error: type[RequestError]) -> None:
    """Refuse parameters that the deployment's schema does not allow, when it enforces one.

    Args:
        deployment: the columns as they are to be; a missing one counts as not set.
        error: what to raise.
    """
    schema = deployment.get("parameter_openapi_schema")
    parameters = deployment.get("parameters")
    if deployment.get("enforce_parameter_schema", True) and schema and parameters:
        check_conformity(parameters, schema, "parameters", error)


def _options(body: DeploymentCreate | DeploymentUpdate) -> JsonObject | None:
    options = body.concurrency_options
    return options.model_dump() if options is not None else None


def _queue(session: Session, given: Mapping[str, Any]) -> dict[str, Any]:
    """A null queue name says nothing; a null pool name takes the deployment off its queue."""
    pool, queue = given.get("work_pool_name"), given.get("work_queue_name")
    if pool is None and queue is None:
        return {"work_queue_id": None} if "work_pool_name" in given else {}
    return {"work_queue_id": resolve_queue(session, pool, queue)}
