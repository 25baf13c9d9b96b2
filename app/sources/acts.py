"""What is done to sources, for the log."""

from app.log.acts import Act
from app.models import Source


def source_act(operation: str, source: Source, **payload: object) -> Act:
    """Return what was done to a source, such as `attached`. The payload contains no password."""
    return Act(f"source.{operation}", f"source.{source.name}", source.name, {"url": source.shown_url, **payload})
