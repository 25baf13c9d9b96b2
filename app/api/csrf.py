"""The route that gives clients the token for their changes."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from app.errors import InvalidRequest
from app.schemas.csrf import CsrfToken
from app.web.csrf import MISSING_CLIENT, new_token
from app.web.deps import SettingsDep
from app.web.routing import make_router

router = make_router(tags=["csrf"])


@router.get("/csrf-token")
def read_csrf_token(settings: SettingsDep, client: Annotated[str, Query(max_length=1024)] = "") -> CsrfToken:
    """Give a client the token for its changes, for an hour.

    Raises:
        InvalidRequest: none is needed (in the words at which Prefect's client stops asking), or no client is named.
    """
    if not settings.csrf_protection:
        raise InvalidRequest("CSRF protection is disabled.")
    if not client:
        raise InvalidRequest(MISSING_CLIENT)
    token, expiration = new_token(settings, client)
    now = datetime.now(UTC)
    return CsrfToken(id=uuid.uuid4(), created=now, updated=now, token=token, client=client, expiration=expiration)
