"""The queues whose old-style filter matches a deployment (`GET /deployments/{id}/work_queue_check`)."""

from typing import Any
from uuid import uuid4

import pytest

from tests.world import World


@pytest.mark.parametrize(
    ("tags", "ids_of", "matches"),
    [
        ([], "null", True),
        (None, "null", True),
        (["a"], "none", True),
        (["a", "b"], "null", True),
        (["a", "c"], "null", False),
        ([], "own", True),
        (["a"], "own", True),
        ([], "other", False),
    ],
)
def test_a_queue_matches_by_tags_and_ids(tags: Any, ids_of: str, matches: bool, world: World) -> None:
    deployment = world.deploy(tags=["a", "b"])
    ids = {"own": [deployment, str(uuid4())], "other": [str(uuid4())], "none": [], "null": None}[ids_of]
    world.post("/work_queues/", {"name": "old", "filter": {"tags": tags, "deployment_ids": ids}}, 201)
    world.post("/work_queues/", {"name": "new"}, 201)
    found = world.client.get(f"/deployments/{deployment}/work_queue_check").json()
    assert [queue["name"] for queue in found] == (["old"] if matches else [])


def test_the_queues_of_a_missing_deployment_are_not_found(world: World) -> None:
    assert world.client.get(f"/deployments/{uuid4()}/work_queue_check").status_code == 404
