"""The token with which a client may change something, while forged changes are protected against."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel


class CsrfToken(BaseModel):
    """Prefect's shape of it; `id`, `created` and `updated` mean nothing here, since no token is stored."""

    id: UUID
    created: datetime
    updated: datetime
    token: str
    client: str
    expiration: datetime
