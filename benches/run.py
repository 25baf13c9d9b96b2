"""One run of some benchmarks: progress, what it found, and the folder that it works in."""

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
"""What a benchmark fails with when the machine or one of the two sides does not do what it should."""
ORDER: Final = [each.name for each in BENCHMARKS]


@dataclass
class Run:
    """One run: how, and what it found so far, which is kept in a file as soon as it is there."""

    console: Console
    environment: Path
    quick: bool
    file: Path
    notes: Sequence[str]
    reports: list[Report] = field(default_factory=list)
    start: float = field(default_factory=monotonic)

    def all(self, wanted: Sequence[Benchmark], keep: Path | None) -> list[str]:
        """Run one benchmark after the other; return what is wrong with those that could not be measured."""
        failures: list[str] = []
        with ExitStack() as ends:
            rig = Rig(self.environment, _folder(keep, ends), QUICK if self.quick else FULL, self.say, ends)
            for each in wanted:
                self.say(f"{each.number} {each.title}")
                try:
                    self.one(each, rig)
                except EXPECTED as error:
                    # The others may be measured all the same.
                    failures.append(f"{each.number} {each.name} could not be measured: {error}")
                    self.say(failures[-1])
        return failures

    def one(self, benchmark: Benchmark, rig: Rig) -> None:
        """Run a benchmark and keep what it found."""
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
        """Show how far it is."""
        self.console.print(f"{monotonic() - self.start:6.0f} s  {text}", highlight=False, markup=False, soft_wrap=True)


def _command() -> str:
    """Return what a person would type for the same run."""
    given = [f"--only {name}" for flag, name in pairwise(sys.argv) if flag == "--only"]
    target = "make bench-quick" if "--quick" in sys.argv else "make bench"
    return f'{target} ARGS="{" ".join(given)}"' if given else target


def _folder(keep: Path | None, ends: ExitStack) -> Path:
    """Return the folder of a run: on the disk of the checkout, since a temporary folder may be in memory."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        return keep.resolve()
    passing = Path(tempfile.mkdtemp(prefix=".run-", dir=FOLDER))
    ends.callback(shutil.rmtree, passing, ignore_errors=True)
    return passing
