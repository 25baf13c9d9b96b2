"""Processes that die are restarted, ever more slowly."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from app.errors import StartupError
from app.local.embedded.process import wait_until
from app.local.supervisor import supervisor as supervisor_module
from tests.unit.local.supervisor.supervised import DIES, STAYS, Supervised


def test_a_process_that_keeps_dying_is_restarted_ever_more_slowly_and_shown_as_down(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "DOWN_AFTER", 3)
    supervised.program("api", DIES)
    healthy = supervised.program("work", STAYS)
    supervised.tick_until(lambda: len(supervised.own_lines) >= 4)
    assert supervised.own_lines[:4] == [
        "api ended with exit code 3; starting it again in 0.01 s.",
        "api ended with exit code 3; starting it again in 0.02 s.",
        "api is down: it ended with exit code 3, 3 times in a row; next try in 0.02 s.",
        "api is down: it ended with exit code 3, 4 times in a row; next try in 0.02 s.",
    ]
    assert supervised.supervisor.deaths("api") >= 4
    assert healthy.is_running()


def test_a_process_that_ran_for_long_is_restarted_quickly(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "STEADY_SECONDS", 0.0)
    program = supervised.program("api", STAYS)

    for time in range(4):
        supervised.tick_until(lambda: len(supervised.lines("api")) == time + 1)  # noqa: B023  # It is called at once.
        supervised.tick_until(program.is_running)
        program.kill()

    assert all("in 0.01 s" in line for line in supervised.own_lines)


def test_a_death_by_signal_is_reported_and_no_grandchild_remains(supervised: Supervised, tmp_path: Path) -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); import time; time.sleep(60)"
    program = supervised.program("work", code)
    supervised.tick_until(lambda: bool(supervised.lines("work")))
    grandchild = int(supervised.lines("work")[0].split("|")[1])
    assert program._process is not None
    os.kill(program._process.pid, signal.SIGKILL)

    supervised.tick_until(lambda: bool(supervised.own_lines))

    assert supervised.own_lines[0].startswith("work was killed by signal 9 (Killed); starting it again")
    assert wait_until(lambda: _is_gone(grandchild), timeout=10)


def test_a_failed_restart_is_repeated(supervised: Supervised) -> None:
    class Broken:
        name = "PostgreSQL"
        returncode = None

        def start(self, check: Callable[[], object] | None = None) -> None:
            raise StartupError("no space left")

        def is_running(self) -> bool:
            return False

        def ask_to_stop(self) -> None: ...
        def kill(self) -> None: ...

    supervised.supervisor.add(Broken(), stage=1, stop_timeout=1)

    supervised.tick_until(lambda: supervised.own_lines.count("no space left") == 3)
    assert supervised.own_lines[0] == "PostgreSQL did not start; starting it again in 0.01 s."


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True
