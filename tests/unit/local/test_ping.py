"""How `aftercommit up` checks that its workers accept commands."""

import os
import sys
from pathlib import Path

from app.local.embedded.process import wait_until
from app.local.probes import Ping


def test_a_ping_is_repeated_until_all_workers_answer(tmp_path: Path) -> None:
    code = "import pathlib, sys; log = pathlib.Path('asked'); asked = log.exists(); log.touch(); "
    code += 'print(\'{"worker1@here": 1, "worker2@here": 1}\' if asked else \'{"worker1@here": 1}\')'
    command = [sys.executable, "-c", code]

    with Ping(command, dict(os.environ), tmp_path, ["worker1@here", "worker2@here"]) as ping:
        assert wait_until(ping.all_answered, timeout=30)
        assert not ping.all_answered()


def test_a_running_ping_is_awaited_and_not_started_again(tmp_path: Path) -> None:
    with Ping(
        [sys.executable, "-c", "print('\"worker1@here\"')"], dict(os.environ), tmp_path, ["worker1@here"]
    ) as ping:
        asked = ping.ask()
        assert ping.ask() is asked
        asked.wait(30)
        assert ping.all_answered()
