"""More requests than threads: a commit does not wait behind the requests that wait for its locks."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.settings import Settings, get_settings
from tests.integration.serving import serving

AT_ONCE = 8


@pytest.fixture
def _one_thread(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the routes a single thread: the second request occupies it before the first one can commit."""
    monkeypatch.setenv("AFTERCOMMIT_API_THREADS", "1")
    get_settings.cache_clear()


@pytest.mark.usefixtures("_one_thread")
def test_requests_for_one_row_are_all_answered_when_they_outnumber_the_threads() -> None:
    with serving() as served, ThreadPoolExecutor(AT_ONCE) as clients:
        flow = served.client.post("/flows/", json={"name": "etl"}).json()["id"]
        created = served.client.post("/deployments/", json={"name": "nightly", "flow_id": flow}).json()["id"]
        path = f"/deployments/{created}"
        patches = [
            clients.submit(served.client.patch, path, json={"version": str(version)}) for version in range(3 * AT_ONCE)
        ]
        assert [patch.result().status_code for patch in patches] == [204] * len(patches)
