"""Calls every client method that the registry does not support: unsupported_calls.py async|sync.

Prints the result of each.
"""

import json
import sys
from typing import Any
from uuid import UUID, uuid4

from calling import Noting, resolve, talk
from prefect import flow, task
from prefect.client.schemas.actions import (
    ArtifactCreate,
    ArtifactUpdate,
    BlockDocumentCreate,
    BlockDocumentUpdate,
    BlockSchemaCreate,
    BlockTypeCreate,
    BlockTypeUpdate,
    LogCreate,
    VariableCreate,
    VariableUpdate,
)
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.states import Completed
from prefect.types._datetime import now

DEPLOYMENT = "the id of one that is there"
ID = UUID("0b9a11f4-3a92-4e4e-a8f4-0f7d5d9a7d3c")
BLOCK = BlockDocumentCreate(name="b", data={}, block_schema_id=ID, block_type_id=ID)
TYPE = BlockTypeCreate(name="t", slug="t")
AUTOMATION = AutomationCore(
    name="a",
    trigger=EventTrigger(expect={"x"}, posture=Posture.Reactive, threshold=1, within=0),
    actions=[{"type": "do-nothing"}],
)
LOG = LogCreate(name="l", level=20, message="m", timestamp=now("UTC"), flow_run_id=ID)


@flow
def nothing() -> None:
    """Do nothing."""


@task
def none() -> None:
    """Do nothing."""


LISTS = {
    "read_flow_runs": (),
    "read_task_runs": (),
    "read_flow_run_states": (ID,),
    "read_task_run_states": (ID,),
    "filter_flow_run_input": (ID, "k", 1, set()),
    "count_flow_runs": (),
    "read_logs": (),
    "read_artifacts": (),
    "read_latest_artifacts": (),
    "read_variables": (),
    "read_automations": (),
    "read_automations_by_name": ("a",),
    "read_resource_related_automations": ("prefect.deployment.x",),
    "read_block_types": (),
    "read_block_schemas": (),
    "read_block_documents": (),
}
SINGLES = {
    "read_flow_run": (ID,),
    "read_flow_run_state": (ID,),
    "read_flow_run_input": (ID, "k"),
    "update_flow_run": (ID, "1"),
    "update_flow_run_labels": (ID, {"a": "b"}),
    "set_flow_run_name": (ID, "n"),
    "set_flow_run_state": (ID, Completed()),
    "resume_flow_run": (ID,),
    "create_flow_run_input": (ID, "k", "1"),
    "delete_flow_run_input": (ID, "k"),
    "delete_flow_run": (ID,),
    "read_task_run": (ID,),
    "set_task_run_name": (ID, "n"),
    "set_task_run_state": (ID, Completed()),
    "delete_task_run": (ID,),
    "read_variable_by_name": ("x",),
    "update_variable": (VariableUpdate(name="x", value=1),),
    "delete_variable_by_name": ("x",),
    "update_artifact": (ID, ArtifactUpdate(description="d")),
    "delete_artifact": (ID,),
    "read_automation": (ID,),
    "find_automation": ("a",),
    "update_automation": (ID, AUTOMATION),
    "pause_automation": (ID,),
    "resume_automation": (ID,),
    "delete_automation": (ID,),
    "read_block_type_by_slug": ("t",),
    "update_block_type": (ID, BlockTypeUpdate(description="d")),
    "delete_block_type": (ID,),
    "read_block_schema_by_checksum": ("sha256:x",),
    "get_most_recent_block_schema_for_block_type": (ID,),
    "read_block_document": (ID,),
    "read_block_document_by_name": ("b", "t"),
    "read_block_documents_by_type": ("t",),
    "update_block_document": (ID, BlockDocumentUpdate(data={})),
    "delete_block_document": (ID,),
    "apply_slas_for_deployment": (ID, []),
}
REFUSED = {
    "create_flow_run": (nothing,),
    "create_flow_run_from_deployment": (DEPLOYMENT,),
    "create_deployment_branch": (DEPLOYMENT, "b"),
    "create_task_run": (none, None, "0"),
    "create_logs": ([LOG],),
    "create_variable": (VariableCreate(name="x", value=1),),
    "create_artifact": (ArtifactCreate(key="k", type="markdown", data="d"),),
    "create_automation": (AUTOMATION,),
    "create_block_type": (TYPE,),
    "create_block_schema": (BlockSchemaCreate(fields={}, block_type_id=ID),),
    "create_block_document": (BLOCK,),
    "increment_concurrency_slots": (["x"], 1, "concurrency"),
    "increment_concurrency_slots_with_lease": (["x"], 1, "concurrency", 60),
    "renew_concurrency_lease": (ID, 60),
    "release_concurrency_slots": (["x"], 1, 1.0),
    "release_concurrency_slots_with_lease": (ID,),
    "increment_v1_concurrency_slots": (["x"], ID),
    "decrement_v1_concurrency_slots": (["x"], ID, 1.0),
    "update_server_default_result_storage": (ID,),
    "clear_server_default_result_storage": (),
}
EMPTY = {"delete_resource_owned_automations": ("prefect.deployment.x",), "read_server_default_result_storage": ()}


GROUPS = {"lists": LISTS, "singles": SINGLES, "refused": REFUSED, "empty": EMPTY}


async def outcome(client: Any, method: str, arguments: tuple[Any, ...]) -> Any:
    """Return the status of the client's error, or its result; `lacks` if this version has no such method."""
    try:
        answer = await resolve(getattr(client, method)(*arguments))
    except Exception as error:  # noqa: BLE001  # The test checks any error.
        response = getattr(error, "response", None) or getattr(getattr(error, "http_exc", None), "response", None)
        if response is not None:
            return response.status_code
        # One method of 3.4.25 lacks an import and raises NameError.
        return "lacks" if isinstance(error, AttributeError | NameError) else repr(error)
    if answer is None or isinstance(answer, list | int):
        return answer
    return repr(answer) if any(vars(answer).values()) else None


async def conversation(client: Noting) -> None:
    """Call all methods and print the outcomes by group."""
    flow_id = await resolve(client.create_flow_from_name(f"unsupported-{uuid4()}"))
    deployment = await resolve(client.create_deployment(flow_id=flow_id, name="d"))
    came = {
        group: {
            method: await outcome(
                client, method, tuple(deployment if each == DEPLOYMENT else each for each in arguments)
            )
            for method, arguments in calls.items()
        }
        for group, calls in GROUPS.items()
    }
    print(json.dumps(came))


talk(sys.argv[1], conversation)
