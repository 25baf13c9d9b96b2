"""Finds evidence of violations in the logs of the database and the workers."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.chaos.report import Finding

FAILED: Final = ("snapshot_failed", "snapshot_parked")
DROPPED: Final = "doorbells_dropped"
DIED: Final = "The worker process died three times"
"""What the error of a snapshot says that is parked because of kills, which are this driver's own doing."""


def judge_database_log(lines: Iterable[str], unique_indexes: Sequence[str]) -> Iterator[Finding]:
    """Find events that the database refused because they were written a second time."""
    for line in lines:
        for name in unique_indexes:
            if f'duplicate key value violates unique constraint "{name}"' in line:
                yield Finding("duplicated", f"the database had to refuse an event: {line.strip()}")


def judge_worker_log(lines: Iterable[str]) -> Iterator[Finding]:
    """Find snapshots that a worker could not dispatch, other than those whose workers were killed."""
    for line in lines:
        if any(word in line for word in FAILED) and DIED not in line:
            yield Finding("failed", f"a worker wrote: {line.strip()}")


def count_words(paths: Iterable[Path], words: Sequence[str]) -> Counter[str]:
    """Return, for each word, how many lines of these files contain it."""
    found: Counter[str] = Counter()
    for path in paths:
        for line in read_lines(path):
            found.update(word for word in words if word in line)
    return found


def read_lines(path: Path) -> list[str]:
    """Return the lines of a log; characters that a kill cut in half are replaced."""
    return path.read_text(errors="replace").splitlines() if path.exists() else []
