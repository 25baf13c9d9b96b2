"""The API with another route for creating deployments: same checks, same response, no snapshot and no doorbell.

It exists only to measure the cost of events: `python -m benches.plain_app --port 4300`.
"""

from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final
from unittest.mock import patch

import typer
from fastapi import FastAPI
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from app import server
from app.api.deployment_responses import deployment_response
from app.crud.deployments.existing import find_existing, view_after
from app.crud.deployments.reading import DeploymentView
from app.crud.deployments.schedules import created
from app.crud.deployments.upsert import FLOW_LABEL
from app.crud.deployments.values import check_job_variables, check_parameters, limit_values, plain_values
from app.errors import InvalidRequest
from app.main import create_app
from app.models import Deployment
from app.postgres.base import core_table
from app.schemas.deployment_responses import DeploymentResponse
from app.schemas.deployments import DeploymentCreate
from app.web.routing import make_router

IDENTITY: Final = ("flow_id", "name")

router = make_router("/deployments")


@router.post("/", status_code=HTTPStatus.CREATED)
def create_deployment(body: DeploymentCreate, session: Session) -> DeploymentResponse:
    """Create or overwrite a deployment."""
    return deployment_response(_upsert(session, body))


def _upsert(session: Session, body: DeploymentCreate) -> DeploymentView:
    fields = body.fields_set()
    values = {
        **plain_values(body, fields),
        **limit_values(fields),
        "parameters": body.parameters,
        "labels": {FLOW_LABEL: str(body.flow_id), **(body.labels or {})},
        "schedules": created(body.schedules),
    }
    existing = find_existing(session, body, values)
    check_parameters(values, InvalidRequest)
    check_job_variables(existing.template, body.job_variables)
    values |= {"name": body.name, "flow_id": body.flow_id, "labels": {**existing.flow_labels, **values["labels"]}}
    values["work_queue_id"] = existing.queue_id
    return view_after(session, existing, dict(session.execute(_statement(tuple(values)), values).mappings().one()))


@lru_cache
def _statement(columns: tuple[str, ...]) -> ReturningInsert[Any]:
    """Build the statement once, as the product does."""
    table = core_table(Deployment)
    insertion = insert(table)
    changed = {column: insertion.excluded[column] for column in columns if column not in IDENTITY}
    return insertion.on_conflict_do_update(
        index_elements=IDENTITY, set_={**changed, "updated": func.clock_timestamp()}
    ).returning(*table.c)


def create_plain_app(*, is_exposed: bool = False) -> FastAPI:
    """Return the product's app with the route for creating deployments replaced."""
    app = create_app(is_exposed=is_exposed)
    # FastAPI uses the first matching route.
    app.router.routes[:0] = router.routes
    return app


if __name__ == "__main__":
    # Use the product's server, so that only the route differs.
    with patch.object(server, "create_app", create_plain_app):
        typer.run(server.serve)
