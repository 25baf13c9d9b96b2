"""Ctrl-C ends the command silently, from the first moment."""

import signal
import subprocess
import sys

import pytest

CTRL_C = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"


def ended(code: str, handler: str = "default_int_handler") -> tuple[int, str]:
    code = f"import signal; signal.signal(signal.SIGINT, signal.{handler}); {code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stderr


def test_ctrl_c_ends_a_loading_command_without_output() -> None:
    code = f"from app.cli import start; start.importlib.import_module = lambda _: exec({CTRL_C!r}); start.main()"
    assert ended(code) == (-signal.SIGINT, "")


@pytest.mark.parametrize("where", ["app", "start_logging"])
def test_ctrl_c_ends_a_running_command_without_output(where: str) -> None:
    code = f"from app.cli import main, start; main.{where} = lambda: exec({CTRL_C!r}); start.main()"
    assert ended(code) == (130, "")


def test_an_ignored_ctrl_c_is_also_ignored_while_the_command_loads() -> None:
    code = "from app.cli import main, start; main.app = lambda: None;"
    code += f"start.importlib.import_module = lambda _: exec({CTRL_C!r}) or main; start.main()"
    assert ended(code, handler="SIG_IGN") == (0, "")
