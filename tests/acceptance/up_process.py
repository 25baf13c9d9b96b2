"""Runs `aftercommit up` as an operator does."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.local.embedded.process import free_port
from app.settings.run_file import RunFile, read_run_file
from tests.waiting import wait_until

PROGRAM = (sys.executable, "-c", "from app.cli.start import main; main()")
START_TIMEOUT = 90.0
NOT_INHERITED = ("AFTERCOMMIT_", "PORT", "FLOWER_")


@dataclass
class Up:
    """A running `aftercommit up`."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        """Its output so far."""
        return (self.folder.parent / "up.log").read_text()

    @property
    def run(self) -> RunFile:
        """Its run file."""
        run = read_run_file(self.folder)
        assert run is not None
        return run

    def wait_until_ready(self) -> None:
        """Wait until it prints that it is ready."""

        def ready() -> bool:
            assert self.process.poll() is None, self.log
            return "aftercommit is ready: API" in self.log

        wait_until(ready, "the service is ready", timeout=START_TIMEOUT)

    def children(self) -> dict[int, str]:
        """Its child processes and their descendants: command line by pid."""
        listing = subprocess.run(["/bin/ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
        rows = [line.split(None, 2) for line in listing.splitlines()[1:]]
        family = {self.process.pid}
        while grown := {int(pid) for pid, parent, _ in rows if int(parent) in family} - family:
            family |= grown
        return {int(pid): command for pid, _, command in rows if int(pid) in family - {self.process.pid}}


def command(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run an `aftercommit` command to its end, with these additional environment variables."""
    return subprocess.run(
        [*PROGRAM, *words], capture_output=True, text=True, env=environment(more), check=False, timeout=60
    )


def refusal_of(folder: Path, *options: str) -> str:
    """Return the error text with which `aftercommit up` refuses to start."""
    result = command("up", "--data-dir", str(folder), *options)
    assert result.returncode == 1
    return result.stderr


def start(folder: Path, *options: str, **more: str) -> Up:
    """Start `aftercommit up` on a free port without waiting until it is ready."""
    port = free_port()
    words = ["up", "--data-dir", str(folder), "--port", str(port), *options]
    with (folder.parent / "up.log").open("wb") as log:
        process = subprocess.Popen([*PROGRAM, *words], stdout=log, stderr=subprocess.STDOUT, env=environment(more))
    return Up(folder, port, process)


def have_ended(children: dict[int, str]) -> bool:
    """Return whether all these processes have ended."""
    return not any(Path(f"/proc/{pid}/exe").exists() for pid in children)


def answers(url: str) -> bool:
    """Return whether this URL answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that inherits no setting, with these additional variables."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
    return {**inherited, **more}
