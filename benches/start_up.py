"""S13: start-up time from a fresh clone, with existing data, and of two imports."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Final

import httpx2

from app.local.embedded.process import free_port, kill_group, spawn, tail
from benches.errors import MeasurementError
from benches.line import Line, at_most, line
from benches.rig import Rig
from tests.acceptance.stack import ROOT
from tests.waiting import wait_until

START_SECONDS: Final = 300
STOP_SECONDS: Final = 60
IMPORTS: Final = ("app.main", "workers.celery")


def measure_start_up(rig: Rig) -> list[Line]:
    """Measure the seconds from the command until `/ready` responds with 200, and the seconds of each import."""
    rounds = range(1, rig.plan.start_rounds + 1)
    fresh, warm = [], []
    for number in rounds:
        rig.say(f"round {number} of {len(rounds)}: a fresh clone")
        clone = rig.folder / f"clone-{number}"
        subprocess.run([_program("git"), "clone", "--quiet", str(ROOT), str(clone)], check=True)  # noqa: S603
        ports = [str(free_port()), str(free_port())]
        fresh.append(
            _until_ready([_program("make"), "run", f"PORT={ports[0]}", f"FLOWER_PORT={ports[1]}"], clone, ports[0])
        )
        command = [str(clone / ".venv/bin/aftercommit"), "up", "--port", ports[0], "--flower-port", ports[1]]
        warm.append(_until_ready(command, clone, ports[0]))
        shutil.rmtree(clone)
    lines = [
        line("make run from a fresh clone", "s", fresh, at_most(20)),
        line("aftercommit up with existing data", "s", warm, at_most(4)),
    ]
    for module in IMPORTS:
        rig.say(f"import {module}")
        _import(module)
        lines.append(line(f"import {module}", "s", [_import(module) for _ in rounds], at_most(0.8)))
    return lines


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise MeasurementError(f"The program {name} is not installed.")
    return path


def _usual_environment() -> dict[str, str]:
    """Return the environment without our settings, and with bytecode caching, so that only a first import compiles."""
    excluded = ("AFTERCOMMIT_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(excluded)}


def _until_ready(command: Sequence[str], folder: Path, port: str) -> float:
    log = folder / "start.log"
    environment = _usual_environment()
    start = perf_counter()
    with log.open("wb") as output:
        process = spawn(command, env=environment, death_signal=signal.SIGTERM, output=output, cwd=folder)
    try:
        wait_until(lambda: _is_ready(port, process, log), "the service to be ready", START_SECONDS)
        seconds = perf_counter() - start
        # The whole process group gets SIGINT, as with Ctrl-C in a terminal.
        os.killpg(process.pid, signal.SIGINT)
        process.wait(STOP_SECONDS)
        return seconds
    finally:
        kill_group(process)


def _is_ready(port: str, process: "subprocess.Popen[bytes]", log: Path) -> bool:
    if process.poll() is not None:
        raise MeasurementError(f"The service ended.\n{tail(log)}")
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/ready", timeout=2).status_code == 200
    except httpx2.TransportError:
        return False


def _import(module: str) -> float:
    """Return the seconds from starting an interpreter until the import is done, without the interpreter's shutdown."""
    command = [sys.executable, "-c", f"import {module}, os; os._exit(0)"]
    start = perf_counter()
    subprocess.run(command, cwd=ROOT, env=_usual_environment(), check=True)  # noqa: S603
    return perf_counter() - start
