"""What each path and header parameter of the OpenAPI document means, by its name."""

from typing import Final

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
    "force": "Whether to give up changes that were not moved, and a database that does not answer.",
    "source": "The name of the source.",
    "tag": "The tag.",
    "user-agent": "The client. Older versions of Prefect's client get the fields that they know.",
    "worker": "The name of the worker.",
}
