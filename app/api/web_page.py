"""The routes below `/ui`, which only Prefect's web pages call. Nothing runs here, so there are no runs to show."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.crud import flows
from app.crud.deployments.conformity import check_conformity
from app.crud.deployments.hydration import hydrate
from app.errors import NotFound, RequestError
from app.schemas.web_page import CheckedValues, FlowIds, FlowRunIds, ValuesToCheck
from app.web.routing import make_router

router = make_router("/ui", tags=["web page"])


class _NotConforming(RequestError):
    """The values do not fit their schema."""


@router.post("/flows/count-deployments")
def count_deployments_of_flows(body: FlowIds, session: Session) -> dict[UUID, int]:
    """Return the number of deployments of each flow."""
    return flows.count_deployments(session, body.flow_ids)


@router.post("/flows/next-runs")
def read_next_runs(body: FlowIds) -> dict[UUID, None]:
    """Return the next run of each flow: none."""
    return dict.fromkeys(body.flow_ids)


@router.post("/flow_runs/history")
def read_flow_run_history() -> list[Any]:
    """List the flow runs of a time: none."""
    return []


@router.post("/flow_runs/count-task-runs")
def count_task_runs(body: FlowRunIds) -> dict[UUID, int]:
    """Return the number of task runs of each flow run: none."""
    return dict.fromkeys(body.flow_run_ids, 0)


@router.post("/task_runs/dashboard/counts")
def count_task_runs_by_time() -> list[Any]:
    """List the numbers of task runs by time: none."""
    return []


@router.post("/task_runs/count")
def count_task_runs_by_state() -> list[Any]:
    """List the numbers of task runs by state: none."""
    return []


@router.get("/task_runs/{task_run_id:uuid}")
def read_task_run(task_run_id: UUID) -> None:  # noqa: ARG001  # There are no task runs.
    """Answer 404."""
    raise NotFound("aftercommit has no task runs.")


@router.post("/schemas/validate")
def validate_values(body: ValuesToCheck) -> CheckedValues:
    """Check the values of a form against their schema, with the rules for the parameters of deployments."""
    try:
        check_conformity(hydrate(body.values), body.json_schema, "values", _NotConforming)
    except _NotConforming as error:
        return CheckedValues(valid=False, errors=[str(error)])
    return CheckedValues(valid=True, errors=[])
