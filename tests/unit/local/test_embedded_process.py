"""Starting one program: it dies with its parent, and has its own session."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.local.embedded import launch
from app.local.embedded.process import Identity, free_port, kill_group, spawn, tail, wait_until

ENV = {"PATH": os.environ["PATH"]}
STARTER = """
import os, signal, sys, time
from app.local.embedded.process import spawn
child = spawn([sys.executable, "-c", "import time; time.sleep(60)"], env={}, death_signal=signal.SIGTERM)
print(child.pid, flush=True)
time.sleep(60)
"""


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_program_dies_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        child = int(starter.stdout.readline())
        assert _is_alive(child)

        starter.kill()

        assert wait_until(lambda: not _is_alive(child), timeout=10)


def test_a_program_is_not_started_for_a_dead_parent(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    command = [sys.executable, "-I", "-S", launch.__file__, "1", "15", "same", "/bin/touch", str(trace)]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode != 0
    assert "is gone" in result.stderr
    assert not trace.exists()


def test_a_program_has_its_own_session_and_default_signals() -> None:
    code = "import os, signal; print(os.getsid(0) == os.getpid(), signal.getsignal(signal.SIGTERM).name)"
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        child = spawn([sys.executable, "-c", code], env=ENV, death_signal=signal.SIGKILL, output=subprocess.PIPE)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    output, _ = child.communicate(timeout=20)

    assert output == b"True SIG_DFL\n"


def test_killing_a_group_kills_the_children_of_the_program() -> None:
    code = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
    child = spawn([sys.executable, "-c", code], env=ENV, death_signal=signal.SIGKILL, output=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout as output:
        grandchild = int(output.readline())

    kill_group(child)
    kill_group(child)

    assert child.returncode == -signal.SIGKILL
    assert wait_until(lambda: not _is_alive(grandchild), timeout=10)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up its identity")
@pytest.mark.parametrize("identity", ["namespace", "nobody"])
def test_root_becomes_another_user(identity: Identity) -> None:
    child = spawn(["/usr/bin/id", "-u"], env={}, death_signal=signal.SIGKILL, identity=identity, output=subprocess.PIPE)

    output, _ = child.communicate(timeout=10)

    if identity == "namespace" and child.returncode != 0:
        pytest.skip("this machine bars user namespaces")
    assert output == b"65534\n"


def test_waiting_ends_at_its_timeout_or_at_an_exception() -> None:
    asked = []

    def interrupt() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise KeyboardInterrupt

    assert not wait_until(lambda: False, timeout=0)
    with pytest.raises(KeyboardInterrupt):
        wait_until(lambda: False, timeout=60, check=interrupt)


def test_a_free_port_can_be_listened_on_and_a_missing_log_is_empty(tmp_path: Path) -> None:
    assert 1024 < free_port() < 65536
    assert tail(tmp_path / "none") == ""
