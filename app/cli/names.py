"""Parses the kinds and names of resources on the command line."""

from typing import Annotated, Final

import typer

from app.capture.kind_classes import ResourceKind
from app.capture.kinds import DEPLOYMENT, KINDS, tracked_kinds
from app.log.names import ResourceName

NAME_FORMS: Final = (
    "flow/deployment, or kind:name such as work-pool:pool or work-queue:pool/queue; source:name for an attached source"
)


def parse_kind(text: str) -> ResourceKind:
    """Return the kind with this name.

    Raises:
        BadParameter: the kind does not exist, or its changes create no events.
    """
    known = {kind.name: kind for kind in tracked_kinds()}
    if text not in known:
        raise typer.BadParameter(f"Not a kind with events. Choose one of: {', '.join(sorted(known))}.")
    return known[text]


def parse_name(text: str, kind: ResourceKind | None = None) -> ResourceName:
    """Parse the name of a resource: `flow/deployment`, or `kind:name` for other kinds.

    If `kind` is not None, the whole text is a name of that kind.

    Raises:
        BadParameter: the kind is unknown, or the name lacks its owner.
    """
    if kind is None:
        prefix, colon, rest = text.partition(":")
        # A flow's name may contain a colon too, but then a slash and a deployment's name follow.
        if colon and (prefix in KINDS or "/" not in text):
            kind, text = parse_kind(prefix), rest
        else:
            kind = DEPLOYMENT
    if kind.owner is None:
        return ResourceName(kind, text)
    owner, slash, name = text.partition("/")
    if not slash:
        raise typer.BadParameter(
            f"Write the name of a {kind.name} as {kind.owner.kind}/{kind.name}, and other kinds like work-pool:pool."
        )
    return ResourceName(kind, name, owner)


KindOption = Annotated[
    ResourceKind | None,
    typer.Option(
        "--kind",
        parser=parse_kind,
        metavar="KIND",
        help="The kind of the resource; NAME is then written without `kind:`.",
    ),
]
