"""Reads the options that select events. It knows the names of Prefect's API for the fields of the log."""

from collections.abc import Iterable
from typing import Annotated, Final
from uuid import UUID

import typer

from app.capture.attribution import SORTS, actor_id
from app.capture.kinds import KINDS, STATUS, tracked_kinds
from app.schemas.event import ACTOR_ROLE, RESERVED_PREFIX
from app.schemas.event_queries import RelatedFilter

ALIASES: Final = {
    "global_concurrency_limit_id": "concurrency_limit_id",
    "job_variables": "infra_overrides",
    "work_pool_name": "work_queue_id",
    "work_queue_name": "work_queue_id",
}
"""The fields of the log by the names of the API's fields."""


By = Annotated[
    str | None,
    typer.Option(help="Only changes made by this actor: the name of a key or user, or as in `key:ci`, `anonymous`."),
]
Request = Annotated[str | None, typer.Option(help="Only changes made by the request with this id.")]
SourceOption = Annotated[
    str | None, typer.Option("--source", help="Only events of the attached source with this name.")
]
Reason = Annotated[str | None, typer.Option(help="Only changes whose reason contains this text.")]


def by_actor(by: str | None) -> list[RelatedFilter]:
    """Return the filter for changes that this actor made. A name without its sort stands for actors of any sort."""
    if by is None:
        return []
    actors = [by, *(f"{sort}:{by}" for sort in SORTS)]
    return [RelatedFilter(resources_in_roles=[(actor_id(actor), ACTOR_ROLE) for actor in actors])]


def labels_of(request: str | None, reason: str | None, source: str | None) -> dict[str, str]:
    """Return the filter for the labels of changes that this request made, for this reason, in this source.

    The reason contains the text.
    """
    labels = {"request": request, "reason": None if reason is None else f"*{reason}*", "source": source}
    return {RESERVED_PREFIX + name: value for name, value in labels.items() if value is not None}


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
