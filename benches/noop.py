"""A Celery app with a task that does nothing: what Celery itself does at most. `celery -A benches.noop worker`

It takes its broker from Celery's own variable, and is set up for speed: tasks are acknowledged before they run, workers
take several at once, no results, no events.
"""

from celery import Celery

app = Celery("noop")
app.conf.update(task_ignore_result=True)


@app.task(name="bench.noop")  # type: ignore[untyped-decorator]  # Celery has no types.
def noop() -> None:
    """Do nothing."""
