"""A change passes through few source files between the request and the event stream."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import httpx2
import pytest

from tests.integration.serving import serving
from tests.streams import Stream, streamed

ROOT: Final = Path(__file__).parents[2]
MAX_FILES: Final = 35

NOT_COUNTED: Final = (
    "app/access/", "app/models/api_key.py", "app/page/", "app/web/",
    "app/main.py", "app/server.py", "app/telemetry.py", "app/threads.py",
)  # fmt: skip
"""What runs before the route's function, whatever it does: it is not counted."""


@contextmanager
def files_that_run() -> Iterator[set[str]]:
    """Collect the product's files in which a function is called, in any thread."""
    files: set[str] = set()

    def note(frame: FrameType, kind: str, _argument: object) -> None:
        name = frame.f_code.co_filename
        if kind == "call" and name.startswith((f"{ROOT}/app", f"{ROOT}/workers")):
            files.add(str(Path(name).relative_to(ROOT)))

    # Applies to threads started from now on: the server's thread and those that it starts.
    threading.setprofile(note)
    try:
        yield files
    finally:
        threading.setprofile(None)


@pytest.mark.usefixtures("sessions")
def test_a_patch_runs_code_of_few_files_until_its_event_is_streamed() -> None:
    with files_that_run() as files, serving() as served:
        flow = served.client.post("/flows/", json={"name": "etl"}).json()
        body = {"name": "nightly", "flow_id": flow["id"]}
        path = f"/deployments/{served.client.post('/deployments/', json=body).json()['id']}"
        # Statements are built at their first use, which does not count as part of the path.
        served.client.patch(path, json={"description": "first"}).raise_for_status()
        with streamed(served.client) as stream:
            ways = [_files_of_a_patch(served.client, path, stream, files, number) for number in range(3)]
    # A background timer may run one more file meanwhile.
    passed = min(ways, key=len)
    print(f"{len(passed)} files: {', '.join(passed)}")
    assert len(passed) <= MAX_FILES, passed


def _files_of_a_patch(client: httpx2.Client, path: str, stream: Stream, files: set[str], number: int) -> list[str]:
    files.clear()
    client.patch(path, json={"description": f"change {number}"}).raise_for_status()
    [event] = stream.receive(1)
    passed = sorted(file for file in files if not file.startswith(NOT_COUNTED))
    assert event["payload"]["updated_fields"] == ["description"]
    return passed
