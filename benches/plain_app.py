"""The API with another creation of deployments: the same checks and the same answer, and no capture, no ringing.

It is no setting of the product, and stands beside it only to tell the price of events.
`python -m benches.plain_app --port 4300`
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
from app.api.deployment_answers import answer
from app.crud.deployments.existing import look, view_after
from app.crud.deployments.reading import DeploymentView
from app.crud.deployments.schedules import replaced
from app.crud.deployments.values import check_job_variables, check_parameters, limit_values, plain_values
from app.crud.deployments.writing import FLOW_LABEL
from app.errors import InvalidRequest
from app.main import create_app
from app.models import Deployment
from app.postgres.engine import core_table
from app.schemas.deployment_answers import DeploymentResponse
from app.schemas.deployments import DeploymentCreate
from app.web.routing import make_router

IDENTITY: Final = ("flow_id", "name")

router = make_router("/deployments")


@router.post("/", status_code=HTTPStatus.CREATED)
def create_deployment(body: DeploymentCreate, session: Session) -> DeploymentResponse:
    """Create or overwrite a deployment."""
    return answer(_upsert(session, body))


def _upsert(session: Session, body: DeploymentCreate) -> DeploymentView:
    given = body.given()
    values = {
        **plain_values(body, given),
        **limit_values(given),
        "parameters": body.parameters,
        "labels": {FLOW_LABEL: str(body.flow_id), **(body.labels or {})},
        "schedules": replaced([], body.schedules),
    }
    standing = look(session, body, values)
    check_parameters(values, InvalidRequest)
    check_job_variables(standing.template, body.job_variables)
    values |= {"name": body.name, "flow_id": body.flow_id, "labels": {**standing.flow_labels, **values["labels"]}}
    values["work_queue_id"] = standing.queue_id
    return view_after(session, standing, dict(session.execute(_statement(tuple(values)), values).mappings().one()))


@lru_cache
def _statement(columns: tuple[str, ...]) -> ReturningInsert[Any]:
    """Built once, as the product's own."""
    table = core_table(Deployment)
    insertion = insert(table)
    changed = {column: insertion.excluded[column] for column in columns if column not in IDENTITY}
    return insertion.on_conflict_do_update(
        index_elements=IDENTITY, set_={**changed, "updated": func.clock_timestamp()}
    ).returning(*table.c)


def create_plain_app(*, is_exposed: bool = False) -> FastAPI:
    """Return the product's app with that route in the place of its own."""
    app = create_app(is_exposed=is_exposed)
    # The first that matches answers.
    app.router.routes[:0] = router.routes
    return app


if __name__ == "__main__":
    # Served by the product's own server, so that nothing differs but the route.
    with patch.object(server, "create_app", create_plain_app):
        typer.run(server.serve)
