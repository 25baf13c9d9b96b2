"""A Celery app with one no-op task, to measure Celery's own maximum: `celery -A benches.noop worker`.

`CELERY_BROKER_URL` names the broker. The app uses Celery's fastest settings: tasks are acknowledged before they run,
workers prefetch messages, and there are no results and no events.
"""

from celery import Celery

app = Celery("noop")
app.conf.update(task_ignore_result=True)


@app.task(name="bench.noop")  # type: ignore[untyped-decorator]  # Celery has no types.
def noop() -> None:
    """Do nothing."""
