"""The role that each route needs. Nothing else decides this."""

from typing import Final

from starlette.types import Scope

from app.errors import NotAllowed
from app.models.api_key import Role

REASON: Final = "aftercommit.reason"
"""The key in the ASGI scope for the reason of a refusal, a constant text for the log."""
WEBSOCKET: Final = "WEBSOCKET"
"""Stands for the method of a WebSocket."""
READING: Final = frozenset({"filter", "count", "paginate", "{countable}", "concurrency_status", "history", "out"})
"""The last parts of the paths of POST routes and WebSockets that only read."""
FOR_PAGES: Final = "/api/ui/"
"""Below this path, Prefect's web pages ask for what they show. Nothing there changes anything."""
FOR_ADMINS: Final = frozenset(
    {
        "DELETE /api/flows/{flow_id:uuid}",
        "POST /api/flows/bulk_delete",
        "POST /api/deployments/bulk_delete",
        "DELETE /api/work_pools/{name}",
        "DELETE /api/work_pools/{pool}/queues/{name}",
        "DELETE /api/work_queues/{queue_id:uuid}",
        "POST /api/v2/concurrency_limits/",
        "PATCH /api/v2/concurrency_limits/{id_or_name}",
        "DELETE /api/v2/concurrency_limits/{id_or_name}",
        "POST /api/concurrency_limits/",
        "POST /api/concurrency_limits/tag/{tag}/reset",
        "DELETE /api/concurrency_limits/tag/{tag}",
        "DELETE /api/concurrency_limits/{limit_id:uuid}",
        "PUT /api/admin/storage",
        "DELETE /api/admin/storage",
        "POST /api/sources/",
        "DELETE /api/sources/{source}",
        "POST /api/sources/{source}/pause",
        "POST /api/sources/{source}/resume",
        "POST /api/sources/{source}/verify",
    }
)
"""Routes that remove or limit what many deployments share, delete in bulk, or change settings or other databases."""


def needed_role(method: str, template: str) -> Role:
    """Return the role that a request needs, by the path template of its route.

    The path itself does not decide: its last part may be the name of something to change.
    """
    if f"{method} {template}" in FOR_ADMINS:
        return Role.ADMIN
    is_reading = template.startswith(FOR_PAGES) or template.rpartition("/")[-1] in READING
    if method in ("GET", "HEAD") or (method in ("POST", WEBSOCKET) and is_reading):
        return Role.READ
    return Role.WRITE


def only_reads(method: str, template: str | None) -> bool:
    """Return whether a request to the route with this path template changes nothing. A POST to no route may change."""
    return method == "OPTIONS" or needed_role(method, template or "") is Role.READ


def require_role(scope: Scope, template: str, role: Role) -> None:
    """Check that this role is enough for the route with this path template.

    Raises:
        NotAllowed: the route needs another role.
    """
    method = scope.get("method", WEBSOCKET)
    needed = needed_role(method, template)
    if not role.includes(needed):
        scope[REASON] = f"This request needs the role {needed}; the credential has the role {role}."
        raise NotAllowed(scope[REASON])
