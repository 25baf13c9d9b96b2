"""Reads the options that select events. It knows the names of Prefect's API for the fields of the log."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

import typer

from app.capture.kinds import KINDS, STATUS, tracked_kinds

ALIASES: Final = {
    "global_concurrency_limit_id": "concurrency_limit_id",
    "job_variables": "infra_overrides",
    "work_pool_name": "work_queue_id",
    "work_queue_name": "work_queue_id",
}
"""The fields of the log by the names of the API's fields."""


def parse_field(text: str) -> str:
    """Return the name of the field in the log.

    Raises:
        BadParameter: no kind has such a field, so no update could contain it.
    """
    fields = {field for kind in tracked_kinds() for field in kind.tracked}
    name = ALIASES.get(text, text)
    if name == STATUS:
        raise typer.BadParameter("A change of the status is an event of its own: try --event deployment.ready.")
    if name not in fields:
        known = ", ".join(sorted(fields - {STATUS}))
        raise typer.BadParameter(f"No update can contain the field {text}. The fields are: {known}.")
    return name


def event_prefixes(texts: Iterable[str]) -> list[str]:
    """Return the beginnings of event names: `deployment.updated` also stands for `prefect.deployment.updated`."""
    prefixes = []
    for text in texts:
        prefixes.append(text)
        if text.partition(".")[0] in KINDS:
            prefixes += [f"prefect.{text}", f"aftercommit.{text}"]
    return prefixes


def resource_ids(texts: Iterable[str]) -> list[str]:
    """Return resource ids: a UUID alone stands for a resource of any kind with this id."""
    ids = []
    for text in texts:
        try:
            id_ = UUID(text)
        except ValueError:
            ids.append(text)
        else:
            ids += [kind.resource_id(id_) for kind in tracked_kinds()]
    return ids
