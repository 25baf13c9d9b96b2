"""What a run found, with where and when, as it is kept in a file."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from benches.line import Line


class Report(BaseModel):
    """The lines of one benchmark of one run."""

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    """What a reader has to know to judge the figures."""
    when: datetime
    seconds: float
    """How long the benchmark took."""
    machine: str
    command: str

    @property
    def missed(self) -> list[Line]:
        """The lines whose target was not met."""
        return [each for each in self.lines if each.is_missed]


_REPORTS = TypeAdapter(dict[str, Report])


def read_reports(path: Path) -> dict[str, Report]:
    """Return the reports of a file by the names of their benchmarks; none when there is no file."""
    return _REPORTS.validate_json(path.read_bytes()) if path.exists() else {}


def keep_reports(path: Path, new: Sequence[Report], order: Sequence[str]) -> dict[str, Report]:
    """Put new reports into a file, in the place of older ones of the same benchmarks, and return all of them.

    Args:
        path: the file; it is made when it is not there.
        new: what to put into it.
        order: the names of all benchmarks; a report of a name that is gone is dropped.
    """
    known: Mapping[str, Report] = {**read_reports(path), **{report.name: report for report in new}}
    kept = {name: known[name] for name in order if name in known}
    path.write_bytes(_REPORTS.dump_json(kept, indent=2) + b"\n")
    return kept


def now() -> datetime:
    """Return the time of a report, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def machine() -> str:
    """Return the line that says what was measured on: processor, cores, memory, system, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
