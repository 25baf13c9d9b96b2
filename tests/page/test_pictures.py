"""Takes the pictures of the README, if asked to.

`make test-page ARGS="tests/page/test_pictures.py --pictures docs/pictures" JOBS=1` writes them anew.
"""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from tests.acceptance.stack import Api, Stack, running_servers
from tests.page.visit import Visit

LARGEST = 80_000
WIDTH, HEIGHT = 1300, 760
QUALITY = 82
POOL = "prod-kubernetes"
CRONS = {
    "etl/nightly": "0 3 * * *",
    "etl/hourly": "5 * * * *",
    "reporting/weekly": "0 7 * * MON",
    "reporting/month-end": "0 6 1 * *",
    "ml-training/retrain": "0 22 * * SUN",
    "crm-sync/every-15-min": "*/15 * * * *",
}
SPREAD = """
UPDATE event SET occurred = now() - make_interval(secs => :seconds * (last - position) ^ 1.8)
FROM (SELECT max(position) AS last FROM event) AS newest
"""
"""For the histogram of the feed: the older the events, the more time is between them."""
SECONDS_BETWEEN = 250


@pytest.fixture(scope="module")
def pictures(request: pytest.FixtureRequest) -> Path:
    """The folder for the pictures."""
    folder: Path | None = request.config.getoption("--pictures")
    if folder is None:
        pytest.skip("Pictures are taken only with --pictures FOLDER.")
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def stack(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:  # It may skip.
    """Servers of their own, whose registry has nothing else."""
    with running_servers(tmp_path_factory.mktemp("pictures")) as stack:
        stack.start_worker()
        yield stack


@pytest.fixture(scope="module")
def api(stack: Stack, page_folder: Path) -> Api:
    """An API process that serves the pages."""
    return stack.start_api(page_dir=str(page_folder))


@pytest.fixture(scope="module")
def nightly(stack: Stack, api: Api) -> str:
    """A registry as a team may have it, a day after it was set up. Returns the id of `etl/nightly`."""
    with api.client() as client:
        deployments = {name: _deploy(client, name) for name in CRONS}
        nightly = deployments["etl/nightly"]
        client.post("/v2/concurrency_limits/", json={"name": "warehouse", "limit": 10}).raise_for_status()
        client.post(f"/work_pools/{POOL}/workers/heartbeat", json={"name": "worker-1"}).raise_for_status()
        client.post(f"/work_pools/{POOL}/get_scheduled_flow_runs", json={}).raise_for_status()
        for name, changes in (
            ("etl/hourly", {"tags": ["prod", "orders"]}),
            ("reporting/weekly", {"parameters": {"region": "emea"}}),
            ("ml-training/retrain", {"job_variables": {"cpu": 4, "memory": "16Gi"}}),
            ("crm-sync/every-15-min", {"paused": True}),
            ("etl/nightly", {"version": "2.4.1", "parameters": {"source": "orders", "limit": 5000}}),
        ):
            client.patch(f"/deployments/{deployments[name]}", json=changes).raise_for_status()
        stack.world(client).drain_outbox()
    with stack.engine.begin() as connection:
        connection.execute(text(SPREAD), {"seconds": SECONDS_BETWEEN})
    return nightly


def _deploy(client: httpx2.Client, name: str) -> str:
    flow_name, deployment_name = name.split("/")
    client.post("/work_pools/", json={"name": POOL, "type": "kubernetes"})
    flow = client.post("/flows/", json={"name": flow_name}).json()["id"]
    body: dict[str, Any] = {
        "name": deployment_name,
        "flow_id": flow,
        "work_pool_name": POOL,
        "version": "2.4.0",
        "tags": ["prod", flow_name],
        "entrypoint": f"flows/{flow_name.replace('-', '_')}.py:main",
        "path": "/opt/flows",
        "concurrency_limit": 1,
        "job_variables": {"image": "registry.internal/flows:2.4", "cpu": 2, "memory": "4Gi", "env": {"STAGE": "prod"}},
        "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": "/opt/flows"}}],
        "schedules": [{"schedule": {"cron": CRONS[name], "timezone": "Europe/Berlin"}}],
    }
    answer = client.post("/deployments/", json=body)
    return str(answer.raise_for_status().json()["id"])


def take(visit: Visit, file: Path) -> None:
    """Write a picture of what the tab shows, small enough for the first screen of the README."""
    visit.page.evaluate("document.fonts.ready")
    session = visit.page.context.new_cdp_session(visit.page)
    how = {"format": "webp", "quality": QUALITY}
    content = base64.b64decode(session.send("Page.captureScreenshot", how)["data"])
    assert len(content) <= LARGEST
    file.write_bytes(content)


def test_a_picture_of_the_event_feed(visit: Visit, nightly: str, pictures: Path) -> None:
    assert nightly
    visit.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    visit.open("/events")
    visit.shows("prefect.deployment.updated")
    visit.settle()
    take(visit, pictures / "events.webp")


def test_a_picture_of_a_deployment(visit: Visit, nightly: str, pictures: Path) -> None:
    visit.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    visit.open(f"/deployments/deployment/{nightly}?tab=Configuration")
    visit.shows("registry.internal")
    visit.settle()
    take(visit, pictures / "deployment.webp")
