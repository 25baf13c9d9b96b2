"""On which core a process is, and when it goes to another."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from app import affinity
from app.affinity import Affinity, busy_seconds, choose, keep_to_one_core

STAT = """cpu  300 20 100 5000 70 4 6 20 9 0
cpu0 100 10 40 2500 30 2 3 10 4 0
cpu13 200 10 60 2500 40 2 3 10 5 0
intr 12345 0 0
ctxt 9
"""
SEVERAL = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2 or not sys.platform.startswith("linux"), reason="there is one core to be on"
)


@pytest.mark.parametrize(
    ("others", "current", "chosen"),
    [
        ({0: 0.9, 1: 0.1}, None, 1),
        ({0: 0.1, 1: 0.1}, None, 0),
        ({0: 0.5, 1: 0.3}, 0, 0),
        ({0: 0.6, 1: 0.3}, 0, 1),
        ({0: 0.6, 1: 0.3, 2: 0.2}, 0, 2),
        ({1: 0.9, 2: 0.8}, 0, 2),
    ],
    ids=["the least used", "of equals the first", "no move for little", "a move for much", "the best", "its is gone"],
)
def test_it_goes_where_others_leave_the_most_and_stays_for_little(
    others: Mapping[int, float], current: int | None, chosen: int
) -> None:
    assert choose(others, current) == chosen


def test_busy_is_all_but_idle_and_waiting_for_the_disk() -> None:
    tick = os.sysconf("SC_CLK_TCK")
    assert busy_seconds(STAT) == {0: 165 / tick, 13: 285 / tick}


def test_its_own_use_of_a_core_counts_for_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tick, stat, clock = os.sysconf("SC_CLK_TCK"), tmp_path / "stat", {"time": 100.0, "own": 0.0}
    moves: list[set[int]] = []
    monkeypatch.setattr(affinity, "STAT", stat)
    monkeypatch.setattr(time, "monotonic", lambda: clock["time"])
    monkeypatch.setattr(time, "process_time", lambda: clock["own"])
    monkeypatch.setattr(os, "sched_setaffinity", lambda _thread, cores: moves.append(cores))

    def busy(first: float, second: float) -> None:
        columns = "0 0 0 0 0 0 0"
        stat.write_text(f"cpu0 {int(first * tick)} {columns}\ncpu1 {int(second * tick)} {columns}\n")

    busy(0, 0)
    process = Affinity(frozenset({0, 1}))
    clock |= {"time": 102.0, "own": 1.9}
    busy(1.0, 1.9)
    process.look()
    assert moves[-1] == {0}
    # Now all of the first core's time is its own, and it stays.
    clock |= {"time": 104.0, "own": 3.9}
    busy(3.0, 2.0)
    process.look()
    assert moves[-1] == {0}


MOVER = """
import os, sys, threading
from pathlib import Path
from app import affinity
affinity.STAT, cores = Path(sys.argv[1]), sorted(os.sched_getaffinity(0))[:2]
for _ in range(3):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
affinity.STAT.write_text("".join(f"cpu{core} 0 0 0 0 0 0 0 0\\n" for core in cores))
mover, busy = affinity.Affinity(frozenset(cores)), dict.fromkeys(cores, 0)
for left in cores + cores:
    busy[left] += 100_000
    affinity.STAT.write_text("".join(f"cpu{core} {ticks} 0 0 0 0 0 0 0\\n" for core, ticks in busy.items()))
    mover.look()
    now = [os.sched_getaffinity(int(thread)) for thread in os.listdir("/proc/self/task")]
    assert len(now) == 4 and all(on == set(cores) - {left} for on in now), (left, now)
"""


@SEVERAL
def test_all_threads_leave_a_core_that_somebody_else_uses(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MOVER, str(tmp_path / "stat")], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_where_nothing_can_be_chosen_it_gives_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {3})
    asyncio.run(asyncio.wait_for(keep_to_one_core(), 5))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1})
    monkeypatch.setattr(affinity, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(affinity, "THREADS", tmp_path / "none")
    asyncio.run(asyncio.wait_for(keep_to_one_core(), 5))
