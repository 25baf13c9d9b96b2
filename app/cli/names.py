"""Kinds and names of resources as a person gives them on the command line."""

from typing import Annotated, Final

import typer

from app.capture.kinds import DEPLOYMENT, KINDS, tracked_kinds
from app.capture.resource_kind import ResourceKind
from app.log.names import ResourceName

NAME_FORMS: Final = "flow/deployment, or kind:name as in work-pool:pool and work-queue:pool/queue"


def parse_kind(text: str) -> ResourceKind:
    """Return the kind of that name.

    Raises:
        BadParameter: there is none, or its changes make no events.
    """
    known = {kind.name: kind for kind in tracked_kinds()}
    if text not in known:
        raise typer.BadParameter(f"No kind with events has this name. There are: {', '.join(sorted(known))}.")
    return known[text]


def parse_name(text: str, kind: ResourceKind | None = None) -> ResourceName:
    """Return the resource's name that this text gives: `flow/deployment`, or another kind's as `kind:name`.

    With `kind` given, the whole text is a name of that kind.

    Raises:
        BadParameter: the kind is none, or a part of the name is missing.
    """
    if kind is None:
        prefix, colon, rest = text.partition(":")
        # The names of flows may have colons too, but then a deployment's name follows.
        if colon and (prefix in KINDS or "/" not in text):
            kind, text = parse_kind(prefix), rest
        else:
            kind = DEPLOYMENT
    if kind.owner is None:
        return ResourceName(kind, text)
    owner, slash, name = text.partition("/")
    if not slash:
        raise typer.BadParameter(
            f"The name of a {kind.name} is {kind.owner.kind}/{kind.name}; write other kinds as work-pool:pool."
        )
    return ResourceName(kind, name, owner)


OneKind = Annotated[
    ResourceKind | None,
    typer.Option(
        "--kind", parser=parse_kind, metavar="KIND", help="The kind of what NAME names; without it NAME says."
    ),
]
