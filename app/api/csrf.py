"""The route that issues CSRF tokens."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from app.errors import InvalidRequest
from app.schemas.csrf import CsrfToken
from app.web.csrf import MISSING_CLIENT, new_token
from app.web.dependencies import SettingsDep
from app.web.routing import make_router

router = make_router(tags=["csrf"])

Client = Annotated[str, Query(max_length=1024, description="The id of the client that will send the token.")]


@router.get("/csrf-token")
def read_csrf_token(settings: SettingsDep, client: Client = "") -> CsrfToken:
    """Return a CSRF token for the client, valid for an hour.

    The response is 422 if CSRF protection is disabled, or if `client` is missing.
    """
    if not settings.csrf_protection:
        # The text by which Prefect's client knows that it needs no token.
        raise InvalidRequest("CSRF protection is disabled.")
    if not client:
        raise InvalidRequest(MISSING_CLIENT)
    token, expiration = new_token(settings, client)
    now = datetime.now(UTC)
    return CsrfToken(id=uuid.uuid4(), created=now, updated=now, token=token, client=client, expiration=expiration)
