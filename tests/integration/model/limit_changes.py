"""A client's changes of global concurrency limits, including a deployment's own limit."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.crud import deletions
from app.crud.limits import concurrency_limits
from tests.integration.model import consequences
from tests.integration.model.changes import refused_if, refused_unless, without
from tests.integration.model.histories import Draft
from tests.integration.model.states import LIMIT, Key

Which = str | Key
"""The name of a limit, or the key of the deployment whose own one is meant."""


def key_of(draft: Draft, which: Which) -> Key:
    """Return the key of the limit, whether or not it exists."""
    if isinstance(which, str):
        return (LIMIT, which)
    return consequences.own_limit(draft, which) if which in draft.alive else (LIMIT, "of nothing")


@dataclass(frozen=True)
class CreateLimit:
    """Create a limit."""

    name: str
    fields: dict[str, Any]

    def __call__(self, session: Session, draft: Draft) -> None:
        key, fields = (LIMIT, self.name), {"limit": 5, **self.fields, "name": self.name}
        with refused_if(key in draft.alive):
            limit = concurrency_limits.create_concurrency_limit(session, fields)
        if key not in draft.alive:
            draft.create(key, limit.id, fields)


@dataclass(frozen=True)
class UpdateLimit:
    """Change fields of a limit, possibly its name."""

    which: Which
    fields: dict[str, Any]

    def __call__(self, session: Session, draft: Draft) -> None:
        key = key_of(draft, self.which)
        # A deployment finds its own limit by name.
        fields = self.fields if isinstance(self.which, str) else without(self.fields, "name")
        new = (LIMIT, fields.get("name", key[1]))
        if key not in draft.alive:
            with refused_unless(False):
                concurrency_limits.update_concurrency_limit(session, key[1], fields)
            return
        taken = new != key and new in draft.alive
        with refused_if(taken):
            concurrency_limits.update_concurrency_limit(session, key[1], fields)
        if not taken:
            draft.change(key, **fields)
            draft.rename(key, new)


@dataclass(frozen=True)
class DeleteLimit:
    """Delete a limit: each deployment that uses it changes."""

    which: Which

    def __call__(self, session: Session, draft: Draft) -> None:
        key = key_of(draft, self.which)
        with refused_unless(key in draft.alive):
            deletions.delete_concurrency_limit(session, key[1])
        if key in draft.alive:
            consequences.delete_limit(draft, key)
