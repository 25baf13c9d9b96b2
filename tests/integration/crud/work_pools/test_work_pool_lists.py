"""Work pools over HTTP: filtering and counting."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.integration.registry import (
    make_pool,
)


def names(client: TestClient, wanted: dict[str, Any] | None = None, **more: Any) -> list[str]:
    response = client.post("/work_pools/filter", json={"work_pools": wanted, **more})
    assert response.status_code == 200, response.text
    return [pool["name"] for pool in response.json()]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, ["a", "b", "c"]),
        ({"name": {"any_": ["c", "a"]}}, ["a", "c"]),
        ({"type": {"any_": ["docker"]}}, ["b"]),
        ({"operator": "or_", "name": {"any_": ["a"]}, "type": {"any_": ["docker"]}}, ["a", "b"]),
        ({"operator": "and_", "id": None, "name": None, "type": None}, ["a", "b", "c"]),
    ],
)
def test_a_filter_finds_the_matching_pools(
    client: TestClient, wanted: dict[str, Any] | None, expected: list[str]
) -> None:
    for name, type_ in (("b", "docker"), ("a", "process"), ("c", "process")):
        make_pool(client, name, type=type_)

    assert names(client, wanted, limit=None, offset=0) == expected
    assert client.post("/work_pools/count", json={"work_pools": wanted}).json() == len(expected)


def test_a_repeated_id_lists_its_pool_once(client: TestClient) -> None:
    pool = make_pool(client)

    assert names(client, {"operator": "and_", "id": {"any_": [pool["id"]] * 3}}) == ["pool"]


def test_limit_and_offset_select_a_part_of_the_list(client: TestClient) -> None:
    for name in "abc":
        make_pool(client, name)

    assert names(client, None, limit=1, offset=1) == ["b"]
