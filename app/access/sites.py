"""Decides which requests a browser was tricked into: by a foreign name for this address, or by a page of another site.

A page can make a browser send requests to any address, also to loopback. It cannot read the responses, unless its own
host name leads to that address (DNS rebinding). Then the browser sends that name in `Host`.
"""

import ipaddress
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from app.access.credentials import Credentials

UNSAFE_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
UNKNOWN_HOST: Final = "The Host of the request is not allowed here. AFTERCOMMIT_ALLOWED_HOSTS lists the allowed ones."
OTHER_SITE: Final = "A page of another site must not send this request."


class SiteRules:
    """Refuses requests with a foreign `Host`, and changes and WebSockets of another site's page.

    `allowed_hosts` are host names, each with or without a port. Without them, only names of loopback are allowed as
    long as there is no credential; a credential protects against foreign names, since a page does not know it.
    """

    def __init__(self, credentials: Credentials, allowed_hosts: tuple[str, ...]) -> None:
        self._credentials = credentials
        self._allowed = frozenset(host.lower() for host in allowed_hosts)

    async def problem_with(self, headers: Mapping[str, str], *, is_change: bool) -> str | None:
        """Return why a request with these headers is refused, or None.

        Args:
            headers: the headers. Their names are found in any case.
            is_change: whether the request may change something, or opens a WebSocket.

        Raises:
            Unavailable: the answer depends on the keys, and this process has not been able to read them yet.
        """
        host = headers.get("host", "").lower()
        if not self._is_known(host) and (self._allowed or not await self._credentials.exist()):
            return UNKNOWN_HOST
        if not is_change:
            return None
        origin, relation = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None:
            return None if self._is_same_site(origin, host) else OTHER_SITE
        return None if relation in (None, "same-origin", "none") else OTHER_SITE

    def _is_known(self, host: str) -> bool:
        name = _name(host)
        return _is_loopback_name(name) or name in self._allowed or host in self._allowed

    def _is_same_site(self, origin: str, host: str) -> bool:
        try:
            place = urlsplit(origin).netloc.lower()
        except ValueError:
            return False
        return bool(place) and (place == host or place in self._allowed or _name(place) in self._allowed)


def is_of_page(headers: Mapping[str, str]) -> bool:
    """Return whether a page of a browser sent the request: it cannot set or remove these headers, and others can."""
    return "origin" in headers or "sec-fetch-site" in headers


def _name(host: str) -> str:
    """Return the host name or address without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback_name(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False
