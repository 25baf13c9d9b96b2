"""A deployment with its own concurrency limit, or with a shared one."""

from tests.integration.crud.deployments.deployment_routes import read
from tests.world import World


def test_two_deployments_share_a_limit_and_changing_one_does_not_affect_the_other(world: World) -> None:
    limit = world.post("/v2/concurrency_limits/", {"name": "shared", "limit": 5}, 201)["id"]
    one = world.deploy(name="one", global_concurrency_limit_id=limit)
    two = world.deploy(name="two", global_concurrency_limit_id=limit)
    world.patch(f"/deployments/{one}", {"concurrency_limit": None})
    world.delete(f"/deployments/{one}")
    assert read(world, two)["global_concurrency_limit"]["id"] == limit
    world.patch(f"/deployments/{two}", {"concurrency_limit": 9})
    assert world.client.get(f"/v2/concurrency_limits/{limit}").json()["limit"] == 5
    assert read(world, two)["global_concurrency_limit"]["name"] == f"deployment:{two}"


def test_an_own_limit_that_another_deployment_uses_remains_when_its_number_is_cleared(world: World) -> None:
    owner = world.deploy(name="owner", concurrency_limit=3)
    limit = read(world, owner)["global_concurrency_limit"]["id"]
    guest = world.deploy(name="guest", global_concurrency_limit_id=limit)
    world.patch(f"/deployments/{owner}", {"concurrency_limit": None})
    assert read(world, guest)["global_concurrency_limit"]["limit"] == 3
    world.patch(f"/deployments/{owner}", {"concurrency_limit": 4})
    assert read(world, owner)["global_concurrency_limit"]["id"] == limit
    world.deploy(200, name="owner", concurrency_limit=6)
    assert read(world, owner)["global_concurrency_limit"]["limit"] == 6
    world.delete(f"/deployments/{owner}")
    assert world.client.get(f"/v2/concurrency_limits/{limit}").status_code == 200


def test_deleting_a_deployment_deletes_its_own_limit(world: World) -> None:
    deployment = world.deploy(concurrency_limit=3)
    limit = read(world, deployment)["global_concurrency_limit"]["id"]
    world.deploy(200, concurrency_limit=3)
    world.delete(f"/deployments/{deployment}")
    assert world.client.get(f"/v2/concurrency_limits/{limit}").status_code == 404
