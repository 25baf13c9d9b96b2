"""Client actions that add, change and remove single schedules, and that share concurrency limits."""

from tests.chaos.caller import own_id
from tests.chaos.client import ChaosClient
from tests.chaos.deployment_actions import new_schedule, send_patch

SCHEDULES = frozenset({"schedules"})
MOST_LIMITS = 3


def add_schedule(client: ChaosClient) -> None:
    """Add a schedule, with the token as its slug."""
    inventory = client.choose_inventory()
    found = inventory.any_deployment(client.rng)
    if found is None:
        return
    place, id_ = found
    operation = client.open("add-schedule", id_)
    operation.fields = SCHEDULES
    body = [new_schedule(client, operation.token)]
    response = client.caller.send(operation, "POST", f"/deployments/{id_}/schedules", body)
    if response is not None and response.is_success:
        inventory.schedules.setdefault(id_, []).extend(schedule["id"] for schedule in response.json())
    elif response is not None:
        client.forget_missing(inventory, place, response.status_code)


def change_schedule(client: ChaosClient) -> None:
    """Give a schedule parameters that hold the token."""
    _touch_schedule(client, remove=False)


def remove_schedule(client: ChaosClient) -> None:
    """Remove a schedule; the change cannot carry a token."""
    _touch_schedule(client, remove=True)


def _touch_schedule(client: ChaosClient, *, remove: bool) -> None:
    inventory = client.choose_inventory()
    found = inventory.any_deployment(client.rng)
    known = inventory.schedules.get(found[1]) if found is not None else None
    if found is None or not known:
        return
    id_, schedule_id = found[1], client.rng.choice(known)
    operation = client.open("remove-schedule" if remove else "change-schedule", schedule_id if remove else id_)
    operation.fields = SCHEDULES
    path = f"/deployments/{id_}/schedules/{schedule_id}"
    if remove:
        response = client.caller.send(operation, "DELETE", path)
    else:
        response = client.caller.send(operation, "PATCH", path, {"parameters": {"chaos": operation.token}})
    if remove or response is None or not response.is_success:
        inventory.schedules[id_] = [each for each in known if each != schedule_id]


def share_limit(client: ChaosClient) -> None:
    """Put a deployment under one of a few concurrency limits that all clients share."""
    inventory = client.shared
    if len(inventory.limits) < MOST_LIMITS:
        operation = client.open("create-limit")
        operation.values = {"name": operation.token, "limit": 2}
        response = client.caller.send(operation, "POST", "/v2/concurrency_limits/", operation.values, own_id)
        if response is not None and response.is_success:
            inventory.limits.append(str(response.json()["id"]))
    limits = list(inventory.limits)
    if limits:
        limit = client.rng.choice(limits)
        send_patch(client, lambda token: {"version": token, "global_concurrency_limit_id": limit})


def update_limit(client: ChaosClient) -> None:
    """Change a shared limit, with the token as its name."""
    limits = list(client.shared.limits)
    if limits:
        limit = client.rng.choice(limits)
        operation = client.open("update-limit", limit)
        operation.fields = frozenset({"limit", "name"})
        operation.values = {"name": operation.token, "limit": client.rng.randint(1, 3)}
        client.caller.send(operation, "PATCH", f"/v2/concurrency_limits/{limit}", operation.values)


def delete_limit(client: ChaosClient) -> None:
    """Delete a shared limit: each deployment under it changes."""
    limits = list(client.shared.limits)
    if limits:
        limit = client.rng.choice(limits)
        operation = client.open("delete-limit", limit)
        client.caller.send(operation, "DELETE", f"/v2/concurrency_limits/{limit}", ids=lambda _: [limit])
        client.shared.limits[:] = [each for each in client.shared.limits if each != limit]
