"""The opaque token of the next page. It contains everything the page needs, so the server keeps no state."""

import base64
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.errors import NotAllowed
from app.schemas.event_queries import MAX_LIMIT, EventFilter
from app.schemas.times import UtcTime

Position = Annotated[int, Field(ge=0, lt=2**63)]


class PageToken(BaseModel):
    """A filter, and how far its pages have been read.

    `after` is the (time, position) of the last event delivered. `head` is the position of the newest event in the log
    when the first page was read. Later pages ignore newer events, so all pages together have `total` events, or at
    least so many if `total_is_exact` is false.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    filter: EventFilter
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)]
    head: Position
    total: Annotated[int, Field(ge=0)]
    total_is_exact: bool = True
    after: tuple[UtcTime, Position]

    def encode(self) -> str:
        """Return the token as URL-safe text."""
        return base64.urlsafe_b64encode(self.model_dump_json(exclude_defaults=True).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "PageToken":
        """Return the token for a text that `encode` returned.

        Raises:
            NotAllowed: the text is not a valid token.
        """
        try:
            return cls.model_validate_json(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except ValueError:
            raise NotAllowed("The page token is not valid. Request the first page again.") from None
