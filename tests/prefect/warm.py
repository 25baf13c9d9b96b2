"""Prefect's command line, loaded once: each command runs in a process forked from it."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).parent / "scripts" / "commands.py"


@dataclass(frozen=True)
class WarmPrefect:
    """Runs `prefect` commands, one after the other, with a preloaded Prefect."""

    process: subprocess.Popen[str]

    def run(
        self, arguments: Sequence[str], folder: Path, variables: Mapping[str, str], seconds: float
    ) -> tuple[int | None, str, str]:
        """Run `prefect` in `folder` with these variables; return exit code (None after a timeout), output, errors."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with tempfile.NamedTemporaryFile("r") as output, tempfile.NamedTemporaryFile("r") as errors:
            command = {
                "arguments": arguments,
                "folder": str(folder),
                "variables": variables,
                "seconds": seconds,
                "output": output.name,
                "errors": errors.name,
            }
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            code = json.loads(self.process.stdout.readline())
            return code, output.read(), errors.read()


@contextmanager
def warm_prefect(venv: Path, environment: Mapping[str, str]) -> Iterator[WarmPrefect]:
    """Load Prefect in this environment; end its process on exit."""
    process = subprocess.Popen(
        [venv / "bin" / "python", SCRIPT],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield WarmPrefect(process)
    finally:
        process.communicate()
