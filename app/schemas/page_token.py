"""The opaque token of a further page: all that the page needs, so that the server remembers nothing."""

import base64
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.errors import NotAllowed
from app.schemas.event_queries import MAX_LIMIT, EventFilter, Time

Position = Annotated[int, Field(ge=0, lt=2**63)]


class PageToken(BaseModel):
    """Where a reader of pages stands.

    `after` is the place in the order (time, position) of the last event that was delivered. `head` is the position
    of the log's newest event at the first page: later pages look no further, so they add up to `total`, or to no less
    when it is not exact.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    filter: EventFilter
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)]
    head: Position
    total: Annotated[int, Field(ge=0)]
    total_is_exact: bool = True
    after: tuple[Time, Position]

    def encode(self) -> str:
        """Return the token as text that is safe in a URL."""
        return base64.urlsafe_b64encode(self.model_dump_json(exclude_defaults=True).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "PageToken":
        """Return the token that `encode` wrote.

        Raises:
            NotAllowed: the text is no such token.
        """
        try:
            return cls.model_validate_json(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except ValueError:
            raise NotAllowed("The page token is not valid: ask for the first page again.") from None
