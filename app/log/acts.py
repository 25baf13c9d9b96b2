"""Appends events about the service's own acts: keys created and revoked, snapshots replayed, refused credentials.

They are appended in the open transaction of the act, so the log has the event if and only if the act was committed.
They have no revision: they are not about changes of the registry's resources.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.capture.attribution import KEY, PARTS, Attribution, as_labels, as_related, attribution, stored
from app.capture.masking import Masker
from app.capture.masking_key import require_known_key
from app.capture.snapshot import make_masker
from app.errors import ConfigurationError
from app.log.append import append
from app.schemas.event import RESERVED_PREFIX, RESOURCE_ID, RESOURCE_NAME, Event, RelatedResource
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Act:
    """Something that the service did.

    Attributes:
        event: the name of the event without `aftercommit.`, such as `key.created`.
        resource: the id of what it is about, without `aftercommit.`, such as `key.ci`.
        name: the name of that resource.
        payload: the details. They contain no secret.
        related: the resources of the registry that it concerns. The actor is added to them.
    """

    event: str
    resource: str
    name: str
    payload: dict[str, Any] = field(default_factory=dict)
    related: tuple[RelatedResource, ...] = ()


def key_act(operation: str, name: str, *, role: str, expires: datetime | None, may_act_for_others: bool) -> Act:
    """Return what was done with an API key, such as `created`."""
    payload = {
        "role": str(role),
        "expires": None if expires is None else expires.isoformat(),
        "may_act_for_others": may_act_for_others,
    }
    return Act(f"{KEY}.{operation}", f"{KEY}.{name}", name, payload)


def record_acts(session: Session, settings: Settings, acts: Sequence[Act]) -> None:
    """Append an event for each act in the open transaction, with the current `attribution`.

    Secrets are masked as everywhere. It takes the append lock, so call it last: other appends wait until the commit.

    Raises:
        ConfigurationError: a text contains a secret, and no masking key is configured.
        WrongMaskingKey: a text contains a secret, and the masks in the database were made with another key.
    """
    if not acts:
        return
    masker = make_masker(settings)
    current = attribution.get()
    parts = stored(current, masker, settings.actor_fields)
    masked = [_masked(act, masker) for act in acts]
    if masked != list(acts) or _has_masks(parts, current):
        _require_key(session, settings, masker)
    new_ids = select(func.uuidv7(), func.clock_timestamp()).select_from(func.generate_series(1, len(acts)))
    rows = session.execute(new_ids).all()
    append(
        session,
        [
            Event(
                id=id_,
                occurred=occurred,
                event=RESERVED_PREFIX + act.event,
                resource={
                    RESOURCE_ID: RESERVED_PREFIX + act.resource,
                    RESOURCE_NAME: act.name,
                    **as_labels(parts),
                },
                related=[*act.related, *as_related(parts)],
                payload=act.payload,
                follows=None,
            )
            for act, (id_, occurred) in zip(masked, rows, strict=True)
        ],
        rescued=0,
    )


def _masked(act: Act, masker: Masker) -> Act:
    return replace(
        act,
        resource=masker.mask_text("resource", act.resource),
        name=masker.mask_text("resource", act.name),
        payload=masker.mask("payload", act.payload),
    )


def _has_masks(parts: dict[str, str], current: Attribution) -> bool:
    return any(text != getattr(current, PARTS[part]) for part, text in parts.items())


def _require_key(session: Session, settings: Settings, masker: Masker) -> None:
    """Check the key of the masks. Commands may have none, and a mask without a key would hide nothing."""
    if not settings.masking_key.get_secret_value():
        raise ConfigurationError(
            "A name or a reason contains what looks like a secret. Leave it out, or set AFTERCOMMIT_MASKING_KEY, so "
            "that the log can mask it."
        )
    require_known_key(session, masker)
