"""Planted bugs in who is named as the actor of a change."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from app.capture.attribution import Attribution
from app.capture.masking import Masker
from tests.chaos.planted.patching import Function, replace


def actor_from_a_shared_variable() -> None:
    """Keep the attribution in one variable of the process, so that a request sees that of another request."""
    current = Attribution()

    def make(_original: Function) -> Function:
        @contextmanager
        def acting_as(new: Attribution) -> Iterator[None]:
            nonlocal current
            current = new
            yield

        return acting_as

    def make_stored(original: Function) -> Function:
        def stored(new: Attribution, masker: Masker, optional: Collection[str]) -> dict[str, str]:
            parts: dict[str, str] = original(current, masker, optional)
            return parts

        return stored

    replace("app.capture.attribution", "acting_as", make, used_by="app.web.routing")
    replace("app.capture.attribution", "stored", make_stored, used_by="app.outbox.record")
