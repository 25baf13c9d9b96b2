"""Reads from a request who makes its changes, and why."""

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

from app.capture.attribution import REASON_LENGTH, Attribution, printable_text
from app.errors import InvalidRequest, NotAllowed
from app.telemetry import correlation_id
from app.web.sender import holder_of, ip_address_of

REASON: Final = "X-Aftercommit-Reason"
CHANGE: Final = "X-Aftercommit-Change"
ON_BEHALF_OF: Final = "X-Aftercommit-On-Behalf-Of"
LONGEST: Final = {REASON: REASON_LENGTH, CHANGE: 500, ON_BEHALF_OF: 200}
"""The most characters of each header."""
CLIENT_LENGTH: Final = 200
"""The most characters of a User-Agent that are stored."""
TRACEPARENT: Final = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""The format of a trace context: https://www.w3.org/TR/trace-context/#traceparent-header"""


def attribution_of(scope: Scope) -> Attribution:
    """Return who sends this request, and why.

    Raises:
        InvalidRequest: a header that gives a reason is sent twice, too long, or contains characters that do not print.
        NotAllowed: the credential may not act on behalf of others.
    """
    headers = Headers(scope=scope)
    holder = holder_of(scope)
    on_behalf_of = _text(headers, ON_BEHALF_OF)
    if on_behalf_of is not None and not holder.may_act_for_others:
        raise NotAllowed(
            f"This credential may not send {ON_BEHALF_OF}. `aftercommit keys create NAME --may-act-for-others` creates "
            "a key that may."
        )
    traceparent = headers.get("traceparent", "")
    return Attribution(
        actor=holder.actor,
        role=holder.role,
        client=_client(headers),
        address=ip_address_of(scope),
        request=correlation_id.get(),
        traceparent=traceparent if TRACEPARENT.fullmatch(traceparent) else None,
        reason=_text(headers, REASON),
        change=_text(headers, CHANGE),
        on_behalf_of=on_behalf_of,
    )


def _text(headers: Headers, name: str) -> str | None:
    """Return the text of a header, which is UTF-8, or None if it is missing or empty."""
    values = headers.getlist(name)
    if not values:
        return None
    try:
        [value] = values
        text = value.encode("latin-1").decode()
    except ValueError:
        raise InvalidRequest(f"{name} must be sent once, as UTF-8.") from None
    return printable_text(name, text, LONGEST[name])


def _client(headers: Headers) -> str | None:
    """Return the User-Agent without what does not print, and not too long."""
    sent = headers.get("user-agent", "").encode("latin-1").decode(errors="replace")
    printable = "".join(char for char in sent if char.isprintable())
    return printable[:CLIENT_LENGTH].strip() or None
