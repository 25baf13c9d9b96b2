"""The results of a run, and the file that stores them."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from benches.line import Line


class Report(BaseModel):
    """The results of one benchmark in one run."""

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    """Remarks printed below the table."""
    when: datetime
    seconds: float
    """Duration of the benchmark."""
    machine: str
    command: str

    @property
    def missed(self) -> list[Line]:
        """The lines that miss their target."""
        return [line for line in self.lines if line.is_missed]


_REPORTS = TypeAdapter(dict[str, Report])


def read_reports(path: Path) -> dict[str, Report]:
    """Return the reports in a file by benchmark name. The dictionary is empty if the file does not exist."""
    return _REPORTS.validate_json(path.read_bytes()) if path.exists() else {}


def keep_reports(path: Path, new: Sequence[Report], order: Sequence[str]) -> dict[str, Report]:
    """Write new reports to a file, replacing older ones of the same benchmarks, and return all reports.

    Args:
        path: the file. It is created if it does not exist.
        new: the reports to write.
        order: the names of all benchmarks, in order. Reports with other names are dropped.
    """
    known: Mapping[str, Report] = {**read_reports(path), **{report.name: report for report in new}}
    kept = {name: known[name] for name in order if name in known}
    path.write_bytes(_REPORTS.dump_json(kept, indent=2) + b"\n")
    return kept


def now() -> datetime:
    """Return the current time in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def machine() -> str:
    """Return a description of this machine: processor, cores, memory, operating system, Python version."""
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
