"""Client actions that delete: one deployment, several, a flow with its deployments, or several flows."""

from tests.chaos.caller import deleted_ids
from tests.chaos.client import ChaosClient
from tests.chaos.inventory import Inventory


def delete(client: ChaosClient) -> None:
    """Delete a deployment."""
    inventory = client.choose_inventory()
    found = inventory.any_deployment(client.rng)
    if found is not None:
        place, id_ = found
        client.caller.send(client.open("delete", id_), "DELETE", f"/deployments/{id_}", ids=lambda _: [id_])
        inventory.forget(place)


def bulk_delete(client: ChaosClient) -> None:
    """Delete some deployments, of both inventories, with one request."""
    found = [(inventory, inventory.any_deployment(client.rng)) for inventory in (client.own, client.own, client.shared)]
    taken = {entry[1]: (inventory, entry[0]) for inventory, entry in found if entry is not None}
    if taken:
        operation = client.open("bulk-delete", *taken)
        body = {"deployments": {"id": {"any_": list(taken)}}}
        client.caller.send(operation, "POST", "/deployments/bulk_delete", body, deleted_ids)
        for inventory, place in taken.values():
            inventory.forget(place)


def delete_flow(client: ChaosClient) -> None:
    """Delete a flow with all of its deployments."""
    inventory = client.choose_inventory()
    flow = client.rng.choice(inventory.flows)
    id_ = inventory.flow_ids.get(flow)
    if id_ is not None:
        client.caller.send(client.open("delete-flow", id_), "DELETE", f"/flows/{id_}", ids=lambda _: [id_])
        inventory.forget_flow(flow)


def delete_flows(client: ChaosClient) -> None:
    """Delete some flows with all of their deployments with one request."""
    wanted: dict[str, tuple[Inventory, str]] = {}
    for inventory in (client.own, client.shared):
        flow = client.rng.choice(inventory.flows)
        id_ = inventory.flow_ids.get(flow)
        if id_ is not None:
            wanted[id_] = (inventory, flow)
    if wanted:
        operation = client.open("delete-flow", *wanted)
        body = {"flows": {"id": {"any_": list(wanted)}}}
        client.caller.send(operation, "POST", "/flows/bulk_delete", body, deleted_ids)
        for inventory, flow in wanted.values():
            inventory.forget_flow(flow)
