"""Every route in the source of a Prefect client has a response: the resource, or the reason why it is not supported.

`tests/data/prefect-client-routes.json` lists the routes with the client versions that use them.
`tests/prefect/test_routes.py` compares the list with the installed clients.
"""

import json
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse

from app.api.unsupported_websockets import UNSUPPORTED_WEBSOCKETS
from tests.integration.registry import make_pool, make_queue

ROUTES = tuple(json.loads((Path(__file__).parents[2] / "data" / "prefect-client-routes.json").read_text()))
CALLED_ROUTES = [route.split(" ") for route in ROUTES if " " in route]
NAMED_PATHS = [route for route in ROUTES if " " not in route]
UNANSWERED = {
    "/admin/database/": "no client clears our database",
    "/deployments/{}/schedule": "of clients before 3",
}
"""Named in a list of the client's, and asked for by none of its functions; with the reason."""
UNKNOWN_ROUTE_RESPONSES = {(404, '{"detail":"Not Found"}'), (405, '{"detail":"Method Not Allowed"}')}


def filled(path: str) -> str:
    return path.replace("views/{}", "views/aggregate-worker-metadata").replace("{}", str(uuid4()))


def test_every_route_that_a_client_calls_has_a_response(client: TestClient) -> None:
    wrong = []
    for method, path in CALLED_ROUTES:
        answer = client.request(method, filled(path), json={} if method in ("POST", "PUT", "PATCH") else None)
        if (answer.status_code, answer.text) in UNKNOWN_ROUTE_RESPONSES or answer.status_code in (500, 502, 503):
            wrong.append(f"{method} {path}: {answer.status_code} {answer.text}")

    assert wrong == []


def test_every_path_that_a_client_only_names_has_a_response_with_a_few_exceptions(client: TestClient) -> None:
    lacking = set()
    for path in NAMED_PATHS:
        answers = (client.get(filled(path)), client.post(filled(path), json={}), client.delete(filled(path)))
        if all((answer.status_code, answer.text) in UNKNOWN_ROUTE_RESPONSES for answer in answers):
            lacking.add(path)

    assert lacking == {path for path in NAMED_PATHS if any(path.startswith(each) for each in UNANSWERED)}


@pytest.mark.parametrize("path", UNSUPPORTED_WEBSOCKETS)
def test_a_websocket_of_an_unsupported_feature_is_refused_with_the_reason(path: str, client: TestClient) -> None:
    url = f"ws://localhost/api{path.format(name='p')}"
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect(url):
        pass

    assert (refused.value.status_code, refused.value.json()) == (404, {"detail": UNSUPPORTED_WEBSOCKETS[path]})


def test_the_slots_of_a_pool_are_listed_by_queue_and_page(client: TestClient) -> None:
    pool = make_pool(client, concurrency_limit=3)
    queue = make_queue(client, "q", concurrency_limit=2)

    page = client.post("/work_pools/pool/concurrency_status", json={"page": 2, "limit": 1, "flow_run_limit": 200})

    assert page.json() == {
        "active_slots": 0,
        "concurrency_limit": pool["concurrency_limit"],
        "queues": [
            {
                "queue_id": queue["id"],
                "queue_name": "q",
                "active_slots": 0,
                "concurrency_limit": 2,
                "flow_runs": [],
                "flow_run_count": 0,
            }
        ],
        "count": 2,
        "limit": 1,
        "pages": 2,
        "page": 2,
    }


def test_all_slots_of_a_queue_are_free(client: TestClient) -> None:
    make_pool(client)
    queue = make_queue(client, "q", concurrency_limit=2)

    page = client.post(f"/work_queues/{queue['id']}/concurrency_status", json={"page": 1, "limit": 50})

    assert page.json() == {
        "active_slots": 0,
        "concurrency_limit": 2,
        "flow_runs": [],
        "count": 0,
        "limit": 50,
        "pages": 0,
        "page": 1,
    }
