"""Runs many `prefect` commands, each in a process of its own: commands.py SECONDS, with the commands as JSON on stdin.

Prints as JSON how each ended: its exit code, or null when it had to be ended after SECONDS; and what it printed.
The processes are forked from one that has loaded Prefect: loading it is what a command spends most of its time on.
"""

import json
import os
import signal
import sys
import tempfile
import time
from importlib.metadata import entry_points
from typing import IO, Any

(ENTRY,) = entry_points(group="console_scripts", name="prefect")
MAIN = ENTRY.load()
SECONDS = float(sys.argv[1])


def run(arguments: list[str], output: IO[str]) -> int | None:
    """Run one command and return its exit code, or None when it does not end."""
    child = os.fork()
    if child == 0:
        os._exit(_in_child(arguments, output))
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _in_child(arguments: list[str], output: IO[str]) -> int:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    sys.argv = ["prefect", *arguments]
    code: Any
    try:
        code = MAIN()
    except SystemExit as end:
        code = end.code
    except BaseException as error:  # noqa: BLE001  # As the interpreter would.
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


results = []
for command in json.load(sys.stdin):
    with tempfile.TemporaryFile("w+") as file:
        ended = run(command, file)
        file.seek(0)
        results.append([ended, file.read()])
print(json.dumps(results))
