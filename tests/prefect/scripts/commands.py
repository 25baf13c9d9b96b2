"""Runs `prefect` commands, each in a forked process. Reads one command as JSON from each line of stdin.

The processes are forked from this one, which has already loaded Prefect: loading takes most of a command's time.
Prints the exit code of each command, or null if the command did not end in time.
"""

import gc
import json
import os
import signal
import sys
import time
from importlib.metadata import entry_points
from typing import Any

(ENTRY,) = entry_points(group="console_scripts", name="prefect")
MAIN = ENTRY.load()


def become(command: dict[str, Any]) -> None:
    """Run the command in this process, with its folder, its variables, its arguments and its output files."""
    os.chdir(command["folder"])
    os.environ.update(command["variables"])
    files = [os.devnull, command["output"], command["errors"]]
    for stream, (file, flags) in enumerate(zip(files, (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY), strict=True)):
        os.dup2(os.open(file, flags | os.O_CREAT), stream)
    sys.argv = ["prefect", *command["arguments"]]
    sys.exit(MAIN())


def ended(child: int, seconds: float) -> int | None:
    """Return the exit code of a child; kill it and return None if it does not end in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


# Freeze loaded objects: otherwise garbage collection in each child would copy most of this process's memory.
gc.collect()
gc.freeze()
print("ready", flush=True)
while line := sys.stdin.readline():
    asked = json.loads(line)
    forked = os.fork()
    if forked == 0:
        become(asked)
    print(json.dumps(ended(forked, asked["seconds"])), flush=True)
