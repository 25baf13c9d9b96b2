"""The CSRF token that a client must send with every change while CSRF protection is on."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel


class CsrfToken(BaseModel):
    """A CSRF token in Prefect's format. `id`, `created` and `updated` have no meaning, because no token is stored."""

    id: UUID
    created: datetime
    updated: datetime
    token: str
    client: str
    expiration: datetime
