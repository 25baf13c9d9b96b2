"""Client actions that create and change deployments. Each stores its operation token as the deployment's version."""

from typing import Any

from tests.chaos.caller import own_id
from tests.chaos.client import ChaosClient
from tests.chaos.inventory import Inventory, Place
from tests.chaos.ledger import Operation

ALWAYS_WRITTEN = frozenset({"labels", "parameters", "schedules"})
"""An upsert writes these, given or not."""
PLAIN = ("description", "parameters", "paused", "tags", "version")
COLUMNS = {
    "job_variables": {"infra_overrides"},
    "concurrency_limit": {"concurrency_limit", "concurrency_limit_id"},
    "work_pool_name": {"work_queue_id"},
    "work_queue_name": {"work_queue_id"},
    "global_concurrency_limit_id": {"concurrency_limit", "concurrency_limit_id"},
}


def upsert(client: ChaosClient) -> None:
    """Create a deployment, or change the one of that name."""
    inventory = client.choose_inventory()
    place = inventory.any_place(client.rng)
    flow_id = client.flow_id(inventory, place[0])
    if flow_id is None:
        return
    operation = client.open("upsert", flow_id)
    body = {"name": place[1], "flow_id": flow_id, **_random_fields(client, operation.token)}
    if client.rng.random() < 0.3:
        body["schedules"] = [new_schedule(client, operation.token)]
    _describe(operation, {"parameters": {}, **body}, ALWAYS_WRITTEN)
    _send_upsert(client, inventory, place, operation, body)


def upsert_again(client: ChaosClient) -> None:
    """Repeat an upsert: it changes nothing unless another client changed something in between."""
    inventory = client.choose_inventory()
    again = sorted(inventory.last_upserts.items(), key=lambda item: item[0])
    if again:
        place, (operation, body) = client.rng.choice(again)
        # Only the client that owns an operation may write to it.
        if operation.token.startswith(f"{client.name}-"):
            _send_upsert(client, inventory, place, operation, body)


def patch(client: ChaosClient) -> None:
    """Change some fields of a deployment."""
    send_patch(client, lambda token: _random_fields(client, token))


def set_own_limit(client: ChaosClient) -> None:
    """Set, change or remove the deployment's own concurrency limit."""
    number = client.rng.choice([None, 1, 2, 3])
    send_patch(client, lambda token: {"version": token, "concurrency_limit": number})


def send_patch(client: ChaosClient, fields: Any, inventory: Inventory | None = None) -> None:
    """Patch a deployment with the result of `fields(token)`."""
    inventory = inventory or client.choose_inventory()
    found = inventory.any_deployment(client.rng)
    if found is None:
        return
    place, id_ = found
    operation = client.open("patch", id_)
    body = fields(operation.token)
    _describe(operation, body, frozenset())
    response = client.caller.send(operation, "PATCH", f"/deployments/{id_}", body)
    inventory.record_paused(place, id_, operation, body.get("paused"))
    if response is not None and response.status_code == 404:
        missing = response.text.lower()
        if "concurrency" in missing:
            inventory.limits[:] = [each for each in inventory.limits if each != body.get("global_concurrency_limit_id")]
        # If the pool is gone, the client that deleted it has already recorded that.
        elif "pool" not in missing:
            inventory.forget(place)


def pause_or_resume(client: ChaosClient) -> None:
    """Pause or resume; the change cannot carry a token."""
    inventory = client.choose_inventory()
    found = inventory.any_deployment(client.rng)
    if found is None:
        return
    place, id_ = found
    paused = client.rng.random() < 0.5
    must = inventory.known_paused(place, id_) is (not paused)
    operation = client.open("pause" if paused else "resume", id_, must=must)
    operation.fields = frozenset({"paused"})
    response = client.caller.send(operation, "POST", f"/deployments/{id_}/{operation.verb}_deployment")
    inventory.record_paused(place, id_, operation, paused)
    if response is not None:
        client.forget_missing(inventory, place, response.status_code)


def tag_flow(client: ChaosClient) -> None:
    """Set the token as a flow's tag."""
    inventory = client.choose_inventory()
    flow = client.rng.choice(inventory.flows)
    id_ = inventory.flow_ids.get(flow)
    if id_ is not None:
        operation = client.open("tag-flow", id_)
        operation.values = {"tags": [operation.token]}
        operation.fields = frozenset({"tags"})
        response = client.caller.send(operation, "PATCH", f"/flows/{id_}", operation.values)
        if response is not None and response.status_code == 404:
            inventory.forget_flow(flow)


def new_schedule(client: ChaosClient, token: str) -> dict[str, Any]:
    """Return a schedule that carries the token."""
    return {"schedule": {"interval": float(client.rng.randint(60, 86400))}, "slug": token}


def _random_fields(client: ChaosClient, token: str) -> dict[str, Any]:
    rng = client.rng
    fields: dict[str, Any] = {"version": token}
    if rng.random() < 0.5:
        fields["description"] = f"text {rng.randint(1, 5)}"
    if rng.random() < 0.3:
        fields["tags"] = rng.sample(["a", "b", "c", "d"], rng.randint(0, 3))
    if rng.random() < 0.4:
        fields["parameters"] = {"n": rng.randint(1, 9), "nested": {"list": [1, None, "x"]}}
    if rng.random() < 0.15:
        fields["paused"] = rng.random() < 0.5
    if rng.random() < 0.15:
        fields["job_variables"] = {"env": {"KEY": f"secret {rng.randint(1, 9)}"}, "image": rng.choice("xyz")}
    return fields


def _describe(operation: Operation, body: dict[str, Any], more: frozenset[str]) -> None:
    asked = set(body) - {"name", "flow_id"}
    columns: set[str] = set()
    for key in asked:
        columns |= COLUMNS.get(key, {key})
    values = {key: body[key] for key in PLAIN if key in body}
    if "concurrency_limit" in body:
        values["concurrency_limit"] = body["concurrency_limit"]
    if "global_concurrency_limit_id" in body:
        values |= {"concurrency_limit": None, "concurrency_limit_id": body["global_concurrency_limit_id"]}
    operation.queue = body.get("work_queue_name") or ""
    operation.fields = frozenset(columns) | more
    operation.values = values


def _send_upsert(
    client: ChaosClient, inventory: Inventory, place: Place, operation: Operation, body: dict[str, Any]
) -> None:
    response = client.caller.send(operation, "POST", "/deployments/", body, own_id)
    believed = inventory.ids.get(place, "")
    inventory.record_paused(place, believed, operation, None)
    if response is None:
        inventory.forget(place)
    elif response.is_success:
        answer = response.json()
        inventory.ids[place] = answer["id"]
        inventory.schedules[answer["id"]] = [schedule["id"] for schedule in answer["schedules"]]
        inventory.last_upserts[place] = (operation, body)
        if inventory.own and not operation.doubtful:
            inventory.paused[answer["id"]] = answer["paused"]
    else:
        client.forget_missing(inventory, place, response.status_code)
