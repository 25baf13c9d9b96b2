"""Rules for every request: the protocol version, compressed responses, and redirects for a missing slash."""

import gzip
import json

import httpx2
import pytest
from fastapi.testclient import TestClient

from tests.integration.serving import Served

VERSION = "X-PREFECT-API-VERSION"


@pytest.mark.parametrize("version", ["0.8.0", "0.8.4", "0.10.0", "9.9.9", ""])
def test_an_api_version_from_0_8_0_on_is_accepted(client: TestClient, version: str) -> None:
    assert client.get("/hello", headers={VERSION: version}).status_code == 200


@pytest.mark.parametrize(
    "version", ["0.7.9", "0.0.1", "0.8", "one", "0.8.one", "0.8.4.1", "-1.2.3", "1.2.3 ", "1.2.\u0663"]
)
def test_another_api_version_is_refused_without_quoting_it(client: TestClient, version: str) -> None:
    response = client.get("/hello", headers={VERSION.encode(): version.encode()})

    assert response.status_code == 400
    assert "version" in response.json()["detail"].lower()
    assert version not in response.json()["detail"].replace("0.8.0", "")


@pytest.mark.parametrize("path", ["/health", "/version"])
def test_probes_accept_every_api_version(client: TestClient, path: str) -> None:
    assert client.get(path, headers={VERSION: "0.1.0"}).status_code == 200


def test_a_missing_slash_is_redirected(client: TestClient) -> None:
    response = client.post("/flows", json={"name": "etl"}, follow_redirects=False)

    assert response.status_code == 307
    assert response.headers["location"] == "http://localhost/api/flows/"


def raw(served: Served, path: str, *, status: int) -> tuple[httpx2.Headers, bytes]:
    """Return the headers and the undecoded body."""
    with served.client.stream("GET", path, headers={"accept-encoding": "gzip"}) as response:
        assert response.status_code == status
        return response.headers, b"".join(response.iter_raw())


def test_a_response_is_compressed_for_clients_that_accept_it(served: Served) -> None:
    headers, body = raw(served, "/collections/views/aggregate-worker-metadata", status=200)

    assert headers["content-encoding"] == "gzip"
    assert "process" in gzip.decompress(body).decode()


def test_an_error_response_is_compressed_too(served: Served) -> None:
    response = served.client.post("/deployments/", json={f"unknown{number}": 1 for number in range(30)})

    assert response.status_code == 422
    assert response.headers["content-encoding"] == "gzip"
    assert len(json.loads(response.content)["exception_detail"]) > 15


def test_a_client_that_accepts_no_compression_gets_an_uncompressed_response(served: Served) -> None:
    path = "/collections/views/aggregate-worker-metadata"
    response = served.client.get(path, headers={"accept-encoding": "identity"})

    assert "content-encoding" not in response.headers


def test_a_stream_of_events_is_not_compressed(served: Served) -> None:
    with served.client.stream("GET", "/events/stream", headers={"accept-encoding": "gzip"}) as response:
        assert "content-encoding" not in response.headers
        assert next(response.iter_raw()).startswith(b"retry:")
