"""Uses Prefect as a person does at a terminal: runs commands and scripts, and interrupts them."""

import os
import re
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.local.embedded.process import kill_group, spawn
from tests.prefect.warm import WarmPrefect
from tests.waiting import wait_until

SCRIPTS = Path(__file__).parent / "scripts"
COMMAND_SECONDS = 120
"""Seconds that one command may take, on a busy machine."""
LACK_SLOTS = ("3.4.25", "3.5.0")
"""The Prefect versions that do not show slots."""
LACK_REPLACES = ("3.4.25", "3.5.0")
"""The Prefect versions that refuse `replaces`, the old slug of a schedule, in prefect.yaml."""
OWN_PREFIXES = ("PREFECT_", "AFTERCOMMIT_")


@dataclass(frozen=True)
class Output:
    """The result of a finished command."""

    command: str
    code: int
    text: str
    errors: str

    def table(self) -> list[list[str]]:
        """Return the cells of all rows below a table's header, as displayed."""
        return [[cell.strip() for cell in line.strip("│").split("│")] for line in self.text.splitlines() if "│" in line]

    def row(self, first: str) -> list[str]:
        """Return the row of a table whose first cell is this one."""
        found = [row for row in self.table() if row[0] == first]
        assert len(found) == 1, f"{len(found)} rows of {first}:\n{self.text}"
        return found[0]

    def heads(self) -> list[str]:
        """Return a table's column headers."""
        line = next(line for line in self.text.splitlines() if "┃" in line)
        return [cell.strip() for cell in line.strip("┃").split("┃")]

    def __str__(self) -> str:
        return f"$ {self.command}\n{self.text}\n{self.errors}\n=> {self.code}"


@dataclass
class Running:
    """A command that runs until it is interrupted."""

    process: subprocess.Popen[bytes]
    log: Path

    def read_output(self) -> str:
        """Return its output so far."""
        return self.log.read_text(errors="replace")

    def has_ended(self) -> bool:
        """Return whether it has ended."""
        return self.process.poll() is not None

    def interrupt(self) -> int:
        """Send SIGINT (Ctrl-C) once and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(COMMAND_SECONDS)

    def wait_for(self, text: str) -> None:
        """Wait until it has printed this text."""
        wait_until(lambda: text in self.read_output() or self.has_ended(), text, COMMAND_SECONDS)
        assert text in self.read_output(), self.read_output()


@dataclass
class Terminal:
    """A terminal that runs the real `prefect`."""

    venv: Path
    api_url: str
    folder: Path
    home: Path
    running: list[Running] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    """Other environment variables that the user has set."""
    warm: WarmPrefect | None = None
    """A preloaded Prefect, for commands of a user who has set none of Prefect's own variables."""

    def prefect(self, *arguments: str, code: int = 0) -> Output:
        """Run `prefect` with these arguments; it must exit with `code`."""
        output = self.run_to_end(*arguments)
        assert output.code == code, str(output)
        return output

    def run_to_end(self, *arguments: str) -> Output:
        """Run `prefect` with these arguments; any exit code is allowed."""
        shown = "prefect " + " ".join(arguments)
        if self.warm is None or any(name.startswith(OWN_PREFIXES) for name in self.variables):
            return self._run([self.venv / "bin" / "prefect", *arguments], shown)
        code, text, errors = self.warm.run(arguments, self.folder, self.variables, COMMAND_SECONDS)
        assert code is not None, f"did not end in {COMMAND_SECONDS} s: {shown}\n{text}\n{errors}"
        return Output(shown, code, text, errors)

    def script(self, name: str, *arguments: str, code: int = 0) -> Output:
        """Run one of our scripts with Prefect's Python; it must exit with `code`."""
        command: list[str | Path] = [self.venv / "bin" / "python", SCRIPTS / name, *arguments]
        output = self._run(command, f"python {name} " + " ".join(arguments))
        assert output.code == code, str(output)
        return output

    def shell(self, commands: str) -> Output:
        """Run shell commands, such as those of the documents; they must succeed."""
        output = self._run(["bash", "-euo", "pipefail", "-c", commands], commands)
        assert output.code == 0, str(output)
        return output

    def start(self, *arguments: str) -> Running:
        """Start a `prefect` command that does not end by itself."""
        return self._start([self.venv / "bin" / "prefect", *arguments])

    def start_script(self, name: str, *arguments: str) -> Running:
        """Start a script that does not end by itself."""
        return self._start([self.venv / "bin" / "python", SCRIPTS / name, *arguments])

    def close(self) -> None:
        """Kill the commands that still run."""
        for running in self.running:
            kill_group(running.process)

    @property
    def environment(self) -> dict[str, str]:
        """A user's environment: the API's URL, a folder for the client's files, and no analytics."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OWN_PREFIXES)}
        inherited.pop("VIRTUAL_ENV", None)
        return {
            **inherited,
            "PATH": f"{self.venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PREFECT_API_URL": self.api_url,
            "PREFECT_HOME": str(self.home),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_CLI_PROMPT": "false",
            "PYTHONUNBUFFERED": "1",
            "DO_NOT_TRACK": "1",
            "NO_COLOR": "1",
            "COLUMNS": "240",
            **self.variables,
        }

    def _run(self, command: list[str | Path], shown: str) -> Output:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        return Output(shown, done.returncode, done.stdout, done.stderr)

    def _start(self, command: list[str | Path]) -> Running:
        log = self.folder / f"running-{len(self.running)}.log"
        with log.open("wb") as output:
            process = spawn(command, env=self.environment, death_signal=signal.SIGKILL, output=output, cwd=self.folder)
        running = Running(process, log)
        self.running.append(running)
        return running


def plain(value: Any) -> str:
    """Return a text without the line breaks that the terminal's width adds."""
    return re.sub(r"\s+", " ", str(value)).strip()
