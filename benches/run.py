"""One run: executes benchmarks, shows progress and saves results."""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from subprocess import SubprocessError
from time import monotonic
from typing import Final

import httpx2
import psycopg
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from app.errors import AppError
from benches.names import BENCHMARKS, Benchmark
from benches.plan import FULL, QUICK
from benches.report import Report, keep_reports, machine, now
from benches.rig import Rig

FOLDER: Final = Path(__file__).parent
EXPECTED: Final = (
    AppError,
    AssertionError,
    OSError,
    SubprocessError,
    SQLAlchemyError,
    psycopg.Error,
    httpx2.HTTPError,
)
"""Errors of one benchmark that do not stop the run; any other error is a bug in the benchmarks."""
ORDER: Final = [benchmark.name for benchmark in BENCHMARKS]


@dataclass
class Run:
    """One run and its reports. Each report is written to `file` as soon as it exists."""

    console: Console
    environment: Path
    quick: bool
    file: Path
    notes: Sequence[str]
    reports: list[Report] = field(default_factory=list)
    start: float = field(default_factory=monotonic)

    def all(self, benchmarks: Sequence[Benchmark], keep: Path | None) -> list[str]:
        """Run the benchmarks one by one; return a message for each one that failed."""
        failures: list[str] = []
        with ExitStack() as cleanup:
            rig = Rig(self.environment, _folder(keep, cleanup), QUICK if self.quick else FULL, self.say, cleanup)
            for benchmark in benchmarks:
                self.say(f"{benchmark.number} {benchmark.title}")
                try:
                    self.one(benchmark, rig)
                except EXPECTED as error:
                    # The other benchmarks may still succeed.
                    failures.append(f"{benchmark.number} {benchmark.name} could not be measured: {error}")
                    self.say(failures[-1])
        return failures

    def one(self, benchmark: Benchmark, rig: Rig) -> None:
        """Run a benchmark and save its report."""
        start, when = monotonic(), now()
        lines = tuple(benchmark.measure(rig))
        report = Report(
            name=benchmark.name,
            title=f"{benchmark.number}: {benchmark.title}",
            lines=lines,
            notes=tuple(self.notes),
            when=when,
            seconds=round(monotonic() - start, 1),
            machine=machine(),
            command=_command(),
        )
        self.reports.append(report)
        keep_reports(self.file, [report], ORDER)

    def say(self, text: str) -> None:
        """Print a progress line."""
        self.console.print(f"{monotonic() - self.start:6.0f} s  {text}", highlight=False, markup=False, soft_wrap=True)


def _command() -> str:
    """Return the `make` command for the same run."""
    arguments = [f"--only {name}" for flag, name in pairwise(sys.argv) if flag == "--only"]
    target = "make bench-quick" if "--quick" in sys.argv else "make bench"
    return f'{target} ARGS="{" ".join(arguments)}"' if arguments else target


def _folder(keep: Path | None, cleanup: ExitStack) -> Path:
    """Return the folder of a run. It is on the disk of the checkout, because /tmp may be in memory."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        return keep.resolve()
    temporary = Path(tempfile.mkdtemp(prefix=".run-", dir=FOLDER))
    cleanup.callback(shutil.rmtree, temporary, ignore_errors=True)
    return temporary
