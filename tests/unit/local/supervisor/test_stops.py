"""All processes stop in order and in time."""

import os
import signal

import pytest

from app.local.supervisor import StopRequests
from app.local.supervisor import supervisor as supervisor_module
from tests.unit.local.supervisor.supervised import STAYS, STUBBORN, Supervised


def test_stages_stop_one_after_the_other(supervised: Supervised) -> None:
    said_at_end = (
        "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit(0))); "
    )
    for name, stage in (("data", 3), ("api", 1), ("work", 2)):
        supervised.program(name, said_at_end + STAYS, stage=stage)
    supervised.tick_until(lambda: supervised.stream.getvalue().count("ready") == 3)

    supervised.supervisor.stop()

    order = [line.split()[0] for line in supervised.stream.getvalue().splitlines() if line.endswith("bye")]
    assert order == ["api", "work", "data"]
    assert supervised.own_lines == []


def test_a_process_that_does_not_stop_is_killed_and_this_is_reported(supervised: Supervised) -> None:
    program = supervised.program("work", STUBBORN, stop_timeout=0.1)
    supervised.tick_until(lambda: bool(supervised.lines("work")))

    supervised.supervisor.stop()

    assert program.returncode == -signal.SIGKILL
    assert supervised.own_lines == ["work did not stop within 0.1 s: killing it."]


def test_a_second_stop_request_shortens_the_wait(supervised: Supervised, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "HURRIED_STOP_TIMEOUT", 0.1)
    supervised.program("work", STUBBORN, stop_timeout=600)
    supervised.tick_until(lambda: bool(supervised.lines("work")))
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        supervised.supervisor.run()
    supervised.supervisor.stop()

    assert supervised.own_lines == ["work did not stop within 0.1 s: killing it."]


def test_a_stop_request_interrupts_only_where_it_is_allowed() -> None:
    with StopRequests() as requests:
        with pytest.raises(KeyboardInterrupt), requests.interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGINT)
        assert requests.count == 2
        with pytest.raises(KeyboardInterrupt):
            requests.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
