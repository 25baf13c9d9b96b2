"""When Ctrl-C interrupts a command that follows the log."""

import signal

import pytest

from app.cli.events.ctrl_c import CtrlC


def _press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_does_not_interrupt_a_read() -> None:
    with CtrlC() as ctrl_c:
        _press()
        assert ctrl_c.requested


def test_ctrl_c_ends_a_wait_at_once() -> None:
    done: list[str] = []

    def wait() -> None:
        _press()
        done.append("waited to the end")

    with CtrlC() as ctrl_c:
        ctrl_c.during(wait)
        assert ctrl_c.requested
    assert done == []


def test_no_wait_begins_after_ctrl_c() -> None:
    done: list[str] = []
    with CtrlC() as ctrl_c:
        _press()
        ctrl_c.during(lambda: done.append("waited"))
    assert done == []


def test_a_second_ctrl_c_interrupts_everything() -> None:
    with CtrlC():
        _press()
        with pytest.raises(KeyboardInterrupt):
            _press()


def test_the_previous_handler_of_ctrl_c_is_restored() -> None:
    before = signal.getsignal(signal.SIGINT)
    with CtrlC():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
