"""While one client sends requests that once took work without a bound, others are served, and the process can stop."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.attacker import CONNECTIONS
from tests.acceptance.stack import ROOT, Api, Stack
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SECONDS = 4
MEDIAN_BOUND = 0.05
STOP_BOUND = 12.0
"""Seconds: the API's grace time, four more for the shutdown, and a margin for a slow machine."""


def resident_kilobytes(api: Api) -> int:
    """Return the resident memory of the process in kilobytes."""
    lines = Path(f"/proc/{api.role.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def attacked(api: Api, kind: str) -> subprocess.Popen[str]:
    """Start an attacker and return it once the attack has begun."""
    command = [sys.executable, "-m", "tests.acceptance.attacker", api.url, kind, str(SECONDS)]
    attacker = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert attacker.stdout is not None
    assert attacker.stdout.readline() == "attacking\n"
    return attacker


def times_of_others(client: httpx2.Client, attacker: subprocess.Popen[str]) -> list[float]:
    """Return the seconds that each request of another client takes during the attack."""
    times = []
    while attacker.poll() is None:
        begun = time.monotonic()
        assert client.post("/flows/filter", json={"limit": 1}).status_code == 200
        times.append(time.monotonic() - begun)
    return times


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", CONNECTIONS)
def test_other_clients_are_served_during_an_attack_and_the_memory_is_released(kind: str, stack: Stack) -> None:
    api = stack.start_api()
    with api.client() as client:
        # The first attack fills caches and pools that stay in memory.
        with attacked(api, kind) as first:
            times_of_others(client, first)
        before = resident_kilobytes(api)
        with attacked(api, kind) as attacker:
            times = times_of_others(client, attacker)
        print(f"{kind}: {len(times)} requests of others, median {statistics.median(times) * 1000:.1f} ms")
        assert statistics.median(times) < MEDIAN_BOUND
        wait_until(lambda: resident_kilobytes(api) < 1.3 * before, "the memory to be released")


@pytest.mark.parametrize("kind", CONNECTIONS)
def test_the_api_stops_in_time_during_an_attack(kind: str, stack: Stack) -> None:
    api = stack.start_api()
    with attacked(api, kind):
        begun = time.monotonic()
        assert api.role.stop(timeout=60) == 0
        assert time.monotonic() - begun < STOP_BOUND
