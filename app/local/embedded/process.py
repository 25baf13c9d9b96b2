"""Starts and stops programs that die with their parent process, and waits for conditions."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal

Identity = Literal["same", "namespace", "nobody"]
"""The user under which a program runs: see app.local.embedded.launch."""

_LAUNCH = Path(__file__).with_name("launch.py")
_POLL_SECONDS = 0.02


def spawn(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    death_signal: signal.Signals,
    identity: Identity = "same",
    output: int | IO[bytes] = subprocess.DEVNULL,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program in a new session, so that a Ctrl-C at the terminal does not reach it.

    The kernel sends it `death_signal` when the thread that calls this function ends, even by SIGKILL. So call it from
    the main thread. stdout and stderr both go to `output`; stdin is empty.
    """
    shim = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), str(int(death_signal)), identity]
    return subprocess.Popen(  # noqa: S603  # The command comes from this program, and there is no shell.
        [*shim, *map(str, command)],
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=pass_fds,
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Send SIGKILL to the process group of the program, and reap the program.

    If the program has already ended, this kills only the remaining processes of its group.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(
    condition: Callable[[], bool],
    *,
    timeout: float,
    check: Callable[[], object] | None = None,
    every: float = _POLL_SECONDS,
) -> bool:
    """Test the condition every `every` seconds; return True when it holds, or False after `timeout` seconds.

    `check` is called before each test; its exception ends the wait.
    """
    deadline = time.monotonic() + timeout
    while True:
        if check is not None:
            check()
        if condition():
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now; another process may take it before the caller does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tail(log: Path, *, since: int = 0, lines: int = 20) -> str:
    """Return the last `lines` lines of a log, without its first `since` bytes."""
    try:
        written = log.read_bytes()[since:]
    except FileNotFoundError:
        return ""
    return "\n".join(written.decode(errors="replace").splitlines()[-lines:])
