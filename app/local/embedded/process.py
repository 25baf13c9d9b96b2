"""Starting and stopping one program that dies with its starter, and waiting for a condition."""

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
"""As whom a program runs: see app.local.embedded.launch."""

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
    """Start a program in a session of its own, so that a Ctrl-C at the terminal does not reach it.

    The kernel sends it `death_signal` when the thread that calls this function ends, even by SIGKILL: call it from
    the main thread. Output and errors both go to `output`; the input is empty.
    """
    shim = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), str(int(death_signal)), identity]
    return subprocess.Popen(  # noqa: S603  # The command is ours and no shell sees it.
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
    """Send SIGKILL to the program and to what it left in its process group, and reap the program.

    When the program ended before, only what it left is killed.
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
    """Look every so many seconds until the condition holds and return True, or return False after `timeout` seconds.

    `check` is called before each look; an exception that it raises ends the wait.
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
    """Return a TCP port of 127.0.0.1 that nobody listens on now; somebody may take it before you do."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tail(log: Path, *, since: int = 0, lines: int = 20) -> str:
    """Return the last lines of a log, of what was written after the first `since` bytes."""
    try:
        written = log.read_bytes()[since:]
    except FileNotFoundError:
        return ""
    return "\n".join(written.decode(errors="replace").splitlines()[-lines:])
