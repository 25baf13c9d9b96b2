"""Converts a deployment's request body into column values, and locks the rows that they refer to.

All code takes locks in the order flow, work pool, work queue, concurrency limit, deployment.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.crud.deployments.conformity import check_conformity
from app.crud.limits.concurrency_limits import lock_limit
from app.crud.work_pools.queues import resolve_queue
from app.errors import Conflict, RequestError
from app.models import WorkPool, WorkQueue
from app.postgres.base import JsonObject
from app.schemas.deployments import DeploymentCreate, DeploymentUpdate

PLAIN_COLUMNS = (
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
"""Columns that are set to the field with the same name."""


def column_values(session: Session, body: DeploymentCreate | DeploymentUpdate) -> dict[str, Any]:
    """Return the columns that the body sets, except labels, schedules and the id of the deployment's own limit.

    The queue and the global concurrency limit are locked against deletion. A queue that does not exist is created.

    Raises:
        NotFound: the work pool or the global concurrency limit does not exist.
    """
    fields = body.fields_set()
    values = plain_values(body, fields)
    values.update(_queue(session, fields))
    lock_shared_limit(session, fields)
    return values | limit_values(fields)


def plain_values(body: DeploymentCreate | DeploymentUpdate, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that refer to no other row. `fields` are the fields that the body contains."""
    values = {key: fields[key] for key in PLAIN_COLUMNS if key in fields}
    if "concurrency_options" in fields:
        values["concurrency_options"] = _options(body)
    if fields.get("job_variables") is not None:
        values["infra_overrides"] = fields["job_variables"]
    return values


def limit_values(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of the limit, except the id of the deployment's own limit.

    If neither limit field has a value but one is null, the limit is cleared.
    """
    if fields.get("global_concurrency_limit_id") is not None:
        return {"concurrency_limit": None, "concurrency_limit_id": fields["global_concurrency_limit_id"]}
    if fields.get("concurrency_limit") is not None:
        return {"concurrency_limit": fields["concurrency_limit"]}
    if {"concurrency_limit", "global_concurrency_limit_id"} & fields.keys():
        return {"concurrency_limit": None, "concurrency_limit_id": None}
    return {}


def lock_shared_limit(session: Session, fields: Mapping[str, Any]) -> None:
    """Lock the global concurrency limit in `fields`, if any, against deletion until the transaction ends.

    Raises:
        NotFound: the limit does not exist.
    """
    if fields.get("global_concurrency_limit_id") is not None:
        lock_limit(session, fields["global_concurrency_limit_id"])


def job_template(session: Session, queue_id: UUID | None) -> JsonObject | None:
    """Return the job template of the queue's work pool; None without a queue."""
    if queue_id is None:
        return None
    statement = select(WorkPool.base_job_template).join(WorkQueue, WorkQueue.work_pool_id == WorkPool.id)
    return session.scalar(statement.where(WorkQueue.id == queue_id))


def check_job_variables(template: JsonObject | None, job_variables: JsonObject | None) -> None:
    """Check that the job template of the work pool allows these job variables.

    Raises:
        InvalidRequest: they do not match the template's schema.
    """
    schema = (template or {}).get("variables")
    if job_variables and isinstance(schema, dict) and schema:
        check_conformity(job_variables, schema, "job variables")


def check_update(session: Session, stored: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Check the parameters and job variables that an update sets, together with the stored columns that it keeps.

    Raises:
        Conflict: the parameters do not match their schema.
        InvalidRequest: the job variables do not match the work pool's schema.
    """
    new = {**stored, **values}
    if values.keys() & {"parameters", "parameter_openapi_schema", "enforce_parameter_schema"}:
        check_parameters(new, Conflict)
    if values.get("infra_overrides"):
        check_job_variables(job_template(session, new["work_queue_id"]), values["infra_overrides"])


def check_parameters(deployment: Mapping[str, Any], error: type[RequestError]) -> None:
    """Check the deployment's parameters against its schema, if `enforce_parameter_schema` is on.

    Args:
        deployment: the columns to store. A missing column counts as not set: as in Prefect, a creation that does not
            state `enforce_parameter_schema` is not checked, although the column is then true.
        error: the type of the exception if they do not match.
    """
    schema = deployment.get("parameter_openapi_schema")
    parameters = deployment.get("parameters")
    if deployment.get("enforce_parameter_schema") and schema and parameters:
        check_conformity(parameters, schema, "parameters", error)


def _options(body: DeploymentCreate | DeploymentUpdate) -> JsonObject | None:
    options = body.concurrency_options
    return options.model_dump() if options is not None else None


def _queue(session: Session, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the queue. A null pool name alone clears it; a null queue name alone changes nothing."""
    pool, queue = fields.get("work_pool_name"), fields.get("work_queue_name")
    if pool is None and queue is None:
        return {"work_queue_id": None} if "work_pool_name" in fields else {}
    return {"work_queue_id": resolve_queue(session, pool, queue)}
