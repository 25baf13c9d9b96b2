"""An API process stays on the core that it was started with, with all its threads."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from app.local import programs
from app.local.embedded.process import free_port
from app.local.ports import Address
from tests.acceptance.stack import Api, Stack


def _cores(api: Api) -> set[int]:
    cores = set()
    for thread in Path(f"/proc/{api.role.pid}/task").iterdir():
        # The thread may already have ended.
        with suppress(ProcessLookupError):
            cores |= os.sched_getaffinity(int(thread.name))
    return cores


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="it needs two cores to choose from"
)
def test_api_processes_stay_on_their_assigned_core(stack: Stack) -> None:
    allowed = sorted(os.sched_getaffinity(0))
    for core in (0, 1, len(allowed)):
        address = Address("API", "127.0.0.1", free_port(), "--port")
        api = Api(stack.start(f"on-core-{core}", programs.api(address, core)), address.url)
        api.wait()
        assert _cores(api) == {allowed[core % len(allowed)]}
