"""Who makes a change, by which request, and why. Each snapshot contains this, and so does its event.

The edge sets `attribution` before it opens a transaction: a route, a command, a task. `record` reads it. It is a
context variable, so each request has its own, and the threads that work for a request see that of the request.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Final

from app.capture.masking import Masker
from app.errors import InvalidRequest
from app.schemas.event import ACTOR_ROLE, RESERVED_PREFIX, RESOURCE_ID, RESOURCE_NAME, RESOURCE_ROLE, RelatedResource

ACTOR: Final = "actor"
KEY, USER, CLI, SERVICE = SORTS = ("key", "user", "cli", "service")
"""The sorts of actors: an API key, the user in the auth string, the user of a terminal, and a part of this service."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who makes a change, by which request, and why. Absent parts are None.

    Attributes:
        actor: who: `key:<name>`, `user:<name>`, `cli:<user>@<host>`, `service:<part>`, `anonymous` where no credential
            is needed, or `unknown`.
        role: the role of the credential.
        client: the program that sent the request, as it names itself, such as `prefect/3.8.8`.
        address: the address of the client.
        request: the id of the request, `X-Request-Id`.
        traceparent: the W3C trace context that the client sent.
        worker: the worker of a work pool that the client says it is.
        reason: why, in words for people.
        change: what the change belongs to: a commit, a ticket, the URL of a build.
        on_behalf_of: for whom the actor says it acts.
    """

    actor: str = "unknown"
    role: str | None = None
    client: str | None = None
    address: str | None = None
    request: str | None = None
    traceparent: str | None = None
    worker: str | None = None
    reason: str | None = None
    change: str | None = None
    on_behalf_of: str | None = None


PARTS: Final[Mapping[str, str]] = {field.name.replace("_", "-"): field.name for field in fields(Attribution)}
"""The attribute of each part, by the name that the part has in snapshots, labels and settings."""

LABEL_OF: Final[Mapping[str, str]] = {part: RESERVED_PREFIX + part for part in PARTS}
"""The label of each part on the resource of an event."""
UNKNOWN: Final = Attribution()
REASON_LENGTH: Final = 500
"""The most characters of a reason."""
attribution: ContextVar[Attribution] = ContextVar("attribution", default=UNKNOWN)


@contextmanager
def acting_as(new: Attribution) -> Iterator[None]:
    """Set the attribution of the changes that are recorded within this block."""
    token = attribution.set(new)
    try:
        yield
    finally:
        attribution.reset(token)


def printable_text(name: str, text: str, longest: int) -> str | None:
    """Return a text that someone gave for an attribution, without spaces around it, or None if nothing is left.

    Raises:
        InvalidRequest: it is too long, or contains characters that do not print. The error calls it `name`.
    """
    text = text.strip()
    if len(text) > longest:
        raise InvalidRequest(f"{name} must have at most {longest} characters.")
    if not text.isprintable():
        raise InvalidRequest(f"{name} must not contain control characters, or others that do not print.")
    return text or None


def stored(new: Attribution, masker: Masker, optional: Collection[str]) -> dict[str, str]:
    """Return the parts that a snapshot stores: the actor, and those `optional` ones that are set.

    Secrets in them are masked.
    """
    values = {part: getattr(new, name) for part, name in PARTS.items() if part == ACTOR or part in optional}
    return {part: masker.mask_text(part, value) for part, value in values.items() if value is not None}


def as_labels(parts: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of an event's resource for a stored attribution."""
    return {LABEL_OF[part]: value for part, value in parts.items() if part in LABEL_OF}


def as_related(parts: Mapping[str, str]) -> list[RelatedResource]:
    """Return the related resources for a stored attribution: the actor, if there is one."""
    actor = parts.get(ACTOR)
    if actor is None:
        return []
    name = actor.partition(":")[2] or actor
    return [{RESOURCE_ID: actor_id(actor), RESOURCE_NAME: name, RESOURCE_ROLE: ACTOR_ROLE}]


def actor_id(actor: str) -> str:
    """Return the resource id of an actor, for example `aftercommit.key.ci` of `key:ci`."""
    return RESERVED_PREFIX + actor.replace(":", ".", 1)
