"""What each path and header parameter of the OpenAPI document means, by its name."""

from typing import Any, Final

from app.web.attribution import CHANGE, LONGEST, ON_BEHALF_OF, REASON

PARAMETERS: Final = {
    "countable": "What to count by.",
    "deployment_id": "The id of the deployment.",
    "deployment_name": "The name of the deployment.",
    "flow_id": "The id of the flow.",
    "flow_name": "The name of the flow.",
    "id_or_name": "The id or the name of the concurrency limit.",
    "limit_id": "The id of the limit.",
    "name": "The name.",
    "pool": "The name of the work pool.",
    "queue_id": "The id of the work queue.",
    "resource_id": "The id of the resource.",
    "schedule_id": "The id of the schedule.",
    "task_run_id": "The id of a task run. There are none.",
    "tag": "The tag.",
    "user-agent": "The client. Older versions of Prefect's client get the fields that they know.",
    "worker": "The name of the worker.",
}

OF_CHANGES: Final = {
    REASON: ("Reason", "Why the change is made, in words for people. Its events have it as `aftercommit.reason`."),
    CHANGE: ("Change", "A commit, a ticket, or the URL of a build. The events have it as `aftercommit.change`."),
    ON_BEHALF_OF: ("OnBehalfOf", "For whom the change is made. Only keys that may act for others may send it."),
}
"""The name and the description of each header that every request for a change may have."""


def parameters_of_changes() -> dict[str, dict[str, Any]]:
    """Return the `components.parameters` of the document."""
    return {
        name: {
            "name": header,
            "in": "header",
            "required": False,
            "description": text,
            "schema": {"type": "string", "maxLength": LONGEST[header]},
        }
        for header, (name, text) in OF_CHANGES.items()
    }


def references_of_changes() -> list[dict[str, str]]:
    """Return references to all of them."""
    return [{"$ref": f"#/components/parameters/{name}"} for name, _ in OF_CHANGES.values()]
