"""An API process keeps to one core, unless it is told not to."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from tests.acceptance.stack import Api, Stack
from tests.waiting import wait_until


def _cores(api: Api) -> set[int]:
    cores = set()
    for thread in Path(f"/proc/{api.role.pid}/task").iterdir():
        # It may have ended since.
        with suppress(ProcessLookupError):
            cores |= os.sched_getaffinity(int(thread.name))
    return cores


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="there is one core to be on"
)
def test_an_api_process_keeps_to_one_core_unless_told_not_to(stack: Stack) -> None:
    free = stack.start_api(api_one_core="false")
    kept = stack.start_api()
    wait_until(lambda: len(_cores(kept)) == 1, "the API to be on one core")
    assert _cores(free) == os.sched_getaffinity(0)
