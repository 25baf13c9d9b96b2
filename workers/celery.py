"""The Celery app of the workers and of beat: `celery -A workers` finds it here."""

from typing import Any

from celery.signals import beat_init, worker_process_init

from app.broker import SWEEP, SWEEP_EXPIRES, make_celery
from app.settings import Settings, get_settings
from app.telemetry import configure_logging

app = make_celery("worker", get_settings)
app.add_defaults(lambda: _schedule(get_settings()))


def _schedule(settings: Settings) -> dict[str, Any]:
    return {
        "imports": ("workers.tasks",),
        "beat_schedule": {
            "sweep": {
                "task": SWEEP,
                "schedule": settings.sweep_interval,
                # A worker that was away for long finds a few sweeps to do, not one for each tick that it missed.
                "options": {"expires": SWEEP_EXPIRES},
            }
        },
        "beat_max_loop_interval": min(settings.sweep_interval, 5.0),
    }


@worker_process_init.connect
@beat_init.connect
def _configure(**_: Any) -> None:
    settings = get_settings()
    configure_logging(settings.log_level, as_json=settings.log_json)
