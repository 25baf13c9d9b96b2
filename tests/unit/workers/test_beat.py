"""Beat continues whatever happens to the clock of its machine."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from celery import Celery
from celery.beat import ScheduleEntry

from app.broker.contract import READINESS, SOURCES, SWEEP
from app.settings import get_settings
from workers.celery import Scheduler, app

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
EXPECTED = {SWEEP: 12, READINESS: 6, SOURCES: 100}
"""How often each task is sent in a minute. The clock of the test moves in steps, so half a second becomes longer."""
ENVIRONMENT = {"DATABASE_URL": "x", "BROKER_URL": "redis://127.0.0.1:1/0", "MASKING_KEY": "k" * 32}


class Beat:
    """A beat with a clock that only the test moves, and a count of the tasks sent."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOON
        self.sent: Counter[str] = Counter()
        # Patch the class: a schedule asks the current app, which may be left over from another test.
        monkeypatch.setattr(Celery, "now", lambda _app: self.now)
        # The beat must not connect: the test sends nothing.
        monkeypatch.setattr(Scheduler, "producer", None)
        self.scheduler = Scheduler(app=app, schedule_filename=str(folder / "schedule"), lazy=False)
        monkeypatch.setattr(self.scheduler, "apply_entry", self._apply)

    def run(self, seconds: float) -> None:
        """Advance the clock by `seconds`, and call `tick` as often as beat does."""
        until = self.now + timedelta(seconds=seconds)
        while self.now < until:
            # Advance at least 0.1 s, so that a bug cannot cause an endless loop.
            self.now += timedelta(seconds=max(self.scheduler.tick(), 0.1))

    def _apply(self, entry: ScheduleEntry, producer: object = None) -> None:
        self.sent[entry.task] += 1


@pytest.fixture
def beat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Beat]:
    """A beat that has run for 60 seconds."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(f"AFTERCOMMIT_{name}", value)
    get_settings.cache_clear()
    beat = Beat(tmp_path, monkeypatch)
    beat.run(60)
    yield beat
    beat.scheduler.close()
    get_settings.cache_clear()


def test_all_tasks_are_sent_at_their_intervals(beat: Beat) -> None:
    assert beat.sent == pytest.approx(EXPECTED, abs=1, rel=0.1)


def test_all_tasks_continue_at_once_after_the_clock_is_set_back(beat: Beat) -> None:
    beat.sent.clear()
    beat.now -= timedelta(hours=1)
    beat.run(60)
    assert beat.sent == pytest.approx(EXPECTED, abs=1, rel=0.1)


def test_all_tasks_continue_at_once_after_the_clock_is_set_forward(beat: Beat) -> None:
    beat.sent.clear()
    beat.now += timedelta(hours=1)
    beat.run(60)
    assert beat.sent == pytest.approx(EXPECTED, abs=1, rel=0.1)


def test_a_beat_that_starts_before_its_stored_times_sends_tasks_at_once(
    beat: Beat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat.scheduler.close()
    again = Beat(tmp_path, monkeypatch)
    again.run(60)
    again.scheduler.close()
    assert again.now < beat.now + timedelta(seconds=10)
    assert again.sent == pytest.approx(EXPECTED, abs=1, rel=0.1)
