"""An API process keeps to one core, unless it is told not to."""

import os
from pathlib import Path

import pytest

from tests.acceptance.stack import Api, Stack
from tests.waiting import wait_until


def _cores(api: Api) -> set[int]:
    threads = Path(f"/proc/{api.role.pid}/task").iterdir()
    return {core for thread in threads for core in os.sched_getaffinity(int(thread.name))}


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core to be on")
def test_an_api_process_keeps_to_one_core_unless_told_not_to(stack: Stack) -> None:
    free = stack.start_api(api_one_core="false")
    kept = stack.start_api()
    wait_until(lambda: len(_cores(kept)) == 1, "the API to be on one core")
    assert _cores(free) == os.sched_getaffinity(0)
