"""Client actions on work pools and work queues, with operation tokens in the descriptions, and the calls of workers."""

from typing import Any, Final

import httpx2

from tests.chaos.caller import own_id
from tests.chaos.client import ChaosClient
from tests.chaos.deployment_actions import send_patch
from tests.chaos.inventory import Inventory

MOST_POOLS: Final = 2
MOST_QUEUES: Final = 5
HEARTBEAT_SECONDS: Final = 1.0
"""After three of these without a heartbeat a worker is offline: a short run has its silences."""
PAUSED: Final = frozenset({"is_paused", "status"})


def create_pool(client: ChaosClient) -> None:
    """Create a work pool, up to `MOST_POOLS` per inventory."""
    inventory = client.choose_inventory()
    if len(inventory.pools) >= MOST_POOLS:
        return
    operation = client.open("create-pool")
    operation.values = {"description": operation.token}
    name = f"pool-{operation.token}"
    body = {"name": name, "type": "process", **operation.values}
    response = client.caller.send(operation, "POST", "/work_pools/", body, own_id)
    if response is not None and response.is_success:
        inventory.pools[response.json()["id"]] = name
        if inventory.own and not operation.doubtful:
            inventory.paused[response.json()["id"]] = False


def update_pool(client: ChaosClient) -> None:
    """Change a pool."""
    found = _any_pool(client)
    if found is not None:
        inventory, id_, name = found
        operation = client.open("update-pool", id_)
        operation.values = {"description": operation.token, "concurrency_limit": client.rng.randint(1, 9)}
        operation.fields = frozenset(operation.values)
        _forget_missing(inventory, id_, client.caller.send(operation, "PATCH", f"/work_pools/{name}", operation.values))


def pause_or_resume_pool(client: ChaosClient) -> None:
    """Pause or resume a pool; the change cannot carry a token."""
    found = _any_pool(client)
    if found is not None:
        inventory, id_, name = found
        _forget_missing(inventory, id_, _pause_or_resume(client, inventory, id_, f"/work_pools/{name}"))


def delete_pool(client: ChaosClient) -> None:
    """Delete a pool with its queues: each deployment on one of them changes."""
    found = _any_pool(client)
    if found is not None:
        inventory, id_, name = found
        client.caller.send(client.open("delete-pool", id_), "DELETE", f"/work_pools/{name}", ids=lambda _: [id_])
        inventory.forget_pool(id_)


def send_heartbeat(client: ChaosClient) -> None:
    """Send the heartbeat of a pool's worker."""
    found = _any_pool(client)
    if found is not None:
        inventory, id_, name = found
        body = {"name": client.name, "heartbeat_interval_seconds": HEARTBEAT_SECONDS}
        path = f"/work_pools/{name}/workers/heartbeat"
        _forget_missing(inventory, id_, client.caller.send(client.open("heartbeat", id_), "POST", path, body))


def poll_pool(client: ChaosClient) -> None:
    """Request a pool's scheduled runs, as its worker does."""
    found = _any_pool(client)
    if found is not None:
        inventory, id_, name = found
        path = f"/work_pools/{name}/get_scheduled_flow_runs"
        _forget_missing(inventory, id_, client.caller.send(client.open("poll", id_), "POST", path, {}))


def serve(client: ChaosClient) -> None:
    """Request the scheduled runs of some deployments, as a serving process does."""
    found = [client.choose_inventory().any_deployment(client.rng) for _ in range(3)]
    ids = sorted({entry[1] for entry in found if entry is not None})
    if ids:
        body = {"deployment_ids": ids}
        client.caller.send(client.open("poll", *ids), "POST", "/deployments/get_scheduled_flow_runs", body)


def create_queue(client: ChaosClient) -> None:
    """Create a queue, perhaps with another one's priority."""
    found = _any_pool(client)
    if found is None or len(found[0].queues) >= MOST_QUEUES:
        return
    inventory, pool_id, pool = found
    operation = client.open("create-queue", pool_id)
    operation.values = {"description": operation.token, **_priority(client)}
    name = f"queue-{operation.token}"
    response = client.caller.send(
        operation, "POST", f"/work_pools/{pool}/queues", {"name": name, **operation.values}, own_id
    )
    if response is not None and response.is_success:
        inventory.queues[response.json()["id"]] = (pool, name)
        if inventory.own and not operation.doubtful:
            inventory.paused[response.json()["id"]] = False


def update_queue(client: ChaosClient) -> None:
    """Change a queue, perhaps with a new priority."""
    inventory = client.choose_inventory()
    id_ = _any_queue(client, inventory)
    if id_ is not None:
        operation = client.open("update-queue", id_)
        operation.values = {"description": operation.token, **_priority(client)}
        operation.fields = frozenset(operation.values)
        response = client.caller.send(operation, "PATCH", f"/work_queues/{id_}", operation.values)
        if response is not None and response.status_code == 404:
            inventory.queues.pop(id_, None)


def pause_or_resume_queue(client: ChaosClient) -> None:
    """Pause or resume a queue; the change cannot carry a token."""
    inventory = client.choose_inventory()
    id_ = _any_queue(client, inventory)
    if id_ is not None:
        _pause_or_resume(client, inventory, id_, f"/work_queues/{id_}")


def delete_queue(client: ChaosClient) -> None:
    """Delete a queue: each deployment on it changes."""
    inventory = client.choose_inventory()
    id_ = _any_queue(client, inventory)
    if id_ is not None:
        client.caller.send(client.open("delete-queue", id_), "DELETE", f"/work_queues/{id_}", ids=lambda _: [id_])
        inventory.queues.pop(id_, None)


def assign_to_queue(client: ChaosClient) -> None:
    """Put a deployment on a queue, or on a pool's default one. A queue deleted meanwhile is created again."""
    inventory = client.choose_inventory()
    id_, found = _any_queue(client, inventory), _any_pool(client)
    names = inventory.queues.get(id_) if id_ is not None else None
    if names is not None:
        where = {"work_pool_name": names[0], "work_queue_name": names[1]}
    elif found is not None:
        where = {"work_pool_name": found[2]}
    else:
        return
    send_patch(client, lambda token: {"version": token, **where}, inventory)


def _pause_or_resume(client: ChaosClient, inventory: Inventory, id_: str, path: str) -> httpx2.Response | None:
    paused = client.rng.random() < 0.5
    names = ("", id_)
    operation = client.open(
        "pause" if paused else "resume", id_, must=inventory.known_paused(names, id_) is (not paused)
    )
    operation.fields = PAUSED
    response = client.caller.send(operation, "PATCH", path, {"is_paused": paused})
    inventory.record_paused(names, id_, operation, paused)
    return response


def _priority(client: ChaosClient) -> dict[str, Any]:
    return {"priority": client.rng.randint(1, 3)} if client.rng.random() < 0.5 else {}


def _any_pool(client: ChaosClient) -> tuple[Inventory, str, str] | None:
    """Return a inventory, and the id and the name of a pool there that is believed to exist."""
    inventory = client.choose_inventory()
    pools = sorted(inventory.pools.items())
    return (inventory, *client.rng.choice(pools)) if pools else None


def _any_queue(client: ChaosClient, inventory: Inventory) -> str | None:
    queues = sorted(inventory.queues)
    return client.rng.choice(queues) if queues else None


def _forget_missing(inventory: Inventory, pool_id: str, response: httpx2.Response | None) -> None:
    if response is not None and response.status_code == 404:
        inventory.forget_pool(pool_id)
