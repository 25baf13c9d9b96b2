"""On which core a process is, and when it goes to another."""

import asyncio
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from app import affinity
from app.affinity import Affinity, better, busy_seconds, keep_to_one_core

STAT = """cpu  300 20 100 5000 70 4 6 20 9 0
cpu0 100 10 40 2500 30 2 3 10 4 0
cpu13 200 10 60 2500 40 2 3 10 5 0
intr 12345 0 0
ctxt 9
"""
SEVERAL = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="there is one core to be on"
)


@pytest.mark.parametrize(
    ("others", "current", "cores"),
    [
        ({0: 0.9, 1: 0.1}, None, [1, 0]),
        ({0: 0.1, 1: 0.1}, None, [0, 1]),
        ({0: 0.5, 1: 0.3}, 0, [0]),
        ({0: 0.6, 1: 0.3}, 0, [1, 0]),
        ({0: 0.6, 1: 0.3, 2: 0.2}, 0, [2, 1, 0]),
    ],
    ids=["the least used", "of equals the first", "no move for little", "a move for much", "the best"],
)
def test_better_is_where_others_leave_much_more(
    others: Mapping[int, float], current: int | None, cores: list[int]
) -> None:
    assert better(others, current) == cores


def test_busy_is_all_but_idle_and_waiting_for_the_disk() -> None:
    tick = os.sysconf("SC_CLK_TCK")
    assert busy_seconds(STAT) == {0: 165 / tick, 13: 285 / tick}


class Machine:
    """Two cores and one clock, in the place of the real ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.now, self.own, self._busy, self._stat = 100.0, 0.0, [0.0, 0.0], folder / "stat"
        self.moves: list[set[int]] = []
        monkeypatch.setattr(affinity, "STAT", self._stat)
        monkeypatch.setattr(affinity, "SEAT", f"test-{os.getpid()}")
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "process_time", lambda: self.own)
        monkeypatch.setattr(os, "sched_setaffinity", lambda _thread, cores: self.moves.append(cores))
        self.work(0, 0)

    def work(self, *seconds: float, own: float = 0.0) -> None:
        """Let two seconds go by, for so long of which each core was busy, and this process."""
        self.now, self.own = self.now + 2, self.own + own
        self._busy = [before + more for before, more in zip(self._busy, seconds, strict=True)]
        ticks = os.sysconf("SC_CLK_TCK")
        self._stat.write_text(
            "".join(f"cpu{at} {int(busy * ticks)} 0 0 0 0 0 0 0\n" for at, busy in enumerate(self._busy))
        )


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


def _new(machine: Machine) -> Affinity:
    process = Affinity(frozenset({0, 1}))
    process.look()
    return process


def _look(process: Affinity, machine: Machine) -> set[int]:
    process.look()
    return machine.moves[-1]


def test_its_own_use_of_a_core_counts_for_nothing(machine: Machine) -> None:
    process = _new(machine)
    machine.work(1.0, 1.9, own=1.9)
    assert _look(process, machine) == {0}
    # Now all of the first core's time is its own, and it stays.
    machine.work(2.0, 0.1, own=2.0)
    assert _look(process, machine) == {0}
    machine.work(2.0, 0.1, own=1.0)
    assert _look(process, machine) == {1}
    process.close()


def test_no_two_processes_take_one_core_while_there_is_another(machine: Machine) -> None:
    processes = [_new(machine) for _ in range(3)]
    machine.work(0.0, 0.5)
    assert [_look(process, machine) for process in processes] == [{0}, {1}, {0}]
    # The second would be better off on the first core, which somebody has.
    machine.work(0.0, 2.0)
    assert _look(processes[1], machine) == {1}
    processes[0].close()
    machine.work(0.0, 2.0)
    assert _look(processes[1], machine) == {0}
    # And so the third has one for itself.
    machine.work(0.0, 0.0)
    assert _look(processes[2], machine) == {1}
    for process in processes:
        process.close()


MOVER = """
import os, sys, threading
from pathlib import Path
from app import affinity
affinity.STAT, affinity.SEAT, cores = Path(sys.argv[1]), f"test-{os.getpid()}", sorted(os.sched_getaffinity(0))[:2]
for _ in range(3):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
affinity.STAT.write_text("".join(f"cpu{core} 0 0 0 0 0 0 0 0\\n" for core in cores))
mover, busy = affinity.Affinity(frozenset(cores)), dict.fromkeys(cores, 0)
mover.look()
for left in cores + cores:
    busy[left] += 100_000
    affinity.STAT.write_text("".join(f"cpu{core} {ticks} 0 0 0 0 0 0 0\\n" for core, ticks in busy.items()))
    mover.look()
    now = [os.sched_getaffinity(int(thread)) for thread in os.listdir("/proc/self/task")]
    assert len(now) == 4 and all(on == set(cores) - {left} for on in now), (left, now)
mover.close()
assert all(os.sched_getaffinity(int(thread)) == set(cores) for thread in os.listdir("/proc/self/task"))
"""


@SEVERAL
def test_all_threads_leave_a_core_that_somebody_else_uses(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MOVER, str(tmp_path / "stat")], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def restless(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine on which the time between two looks goes by at once."""
    monkeypatch.setattr(affinity, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(time, "monotonic", itertools.count().__next__)
    return machine


@pytest.mark.parametrize("cores", [{0}, {0, 7}], ids=["there is one", "another is not told of"])
def test_where_nothing_can_be_chosen_it_gives_up(
    cores: set[int], restless: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: cores)
    asyncio.run(keep_to_one_core())
    assert restless.moves == []


@pytest.mark.parametrize("lost", ["STAT", "THREADS"])
def test_when_the_kernel_tells_no_more_the_process_is_left_to_it(
    lost: str, restless: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    moves: list[set[int]] = []

    def move(_thread: int, cores: set[int]) -> None:
        moves.append(cores)
        if len(moves) == 1:
            monkeypatch.setattr(affinity, lost, tmp_path / "none")

    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1})
    monkeypatch.setattr(os, "sched_setaffinity", move)
    threads = len(list(affinity.THREADS.iterdir()))
    asyncio.run(keep_to_one_core())
    assert moves[0] == {0}
    if lost == "STAT":
        assert moves[-threads:] == [{0, 1}] * threads


def test_who_is_told_to_leave_off_leaves_all_to_the_kernel(machine: Machine) -> None:
    process = _new(machine)
    machine.work(0.0, 0.0)
    assert _look(process, machine) == {0}
    process.close()
    assert machine.moves[-1] == {0, 1}
