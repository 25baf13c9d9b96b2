"""Replaces the passwords and tokens in the URLs of a text."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final

URL_END: Final = re.compile(r"""\s|["'`](?=[\s,;:)\]}"'`]|$)""")
"""White space, or a quote before a delimiter or the end. Other quotes may be part of a password."""
CLEAR_HOST: Final = re.compile(r"localhost|[\w-]+(?:\.[\w-]+)++\.?+|[\w.-]++:\d++|\[[^\]]*+\].*", re.DOTALL)
"""Text that is certainly a host: `localhost`, a name with dots, a name with a port, or an address in brackets."""
PORT: Final = re.compile(r":\d{1,5}$")
WEB: Final = ("http", "https", "ws", "wss")
QUERY_SECRET: Final = re.compile(
    r"([?&](?:[\w.-]*(?:token|secret|password|passwd|api[-_]?key|signature|sig|access[-_]?key))=)([^&\s#]+)",
    re.IGNORECASE,
)

Replace = Callable[[str], str]
"""Returns the replacement of a secret."""


def mask_urls(text: str, replace: Replace) -> str:
    """Replace each password and each token in the URLs of a text."""
    if "://" in text:
        parts = text.split("://")
        text = "://".join([parts[0], *(_mask_userinfo(rest, before, replace) for before, rest in pairwise(parts))])
    if "=" in text and ("?" in text or "&" in text):
        text = QUERY_SECRET.sub(lambda match: f"{match[1]}{replace(match[2])}", text)
    return text


def _mask_userinfo(rest: str, scheme: str, replace: Replace) -> str:
    """Mask the password or the token in `rest`, the text between `://` and the next `://`.

    `scheme` is the text before it. In a web address, a user name without a password is a token.
    """
    web = scheme[-5:].lower().endswith(WEB)
    end = _userinfo_end(rest, web=web)
    user, colon, password = rest[: max(end, 0)].partition(":")
    if password:
        return f"{user}:{replace(password)}{rest[end:]}"
    if user and not colon and web:
        return f"{replace(user)}{rest[end:]}"
    return rest


def _userinfo_end(rest: str, *, web: bool) -> int:
    """Return the index of the `@` after the user name and password, or -1. `rest` is the text after `://`.

    A password that is not percent-encoded may contain `@`, `/`, `?` and `#`, so the `@` may be behind these characters.
    But an `@` behind a host belongs to the path or the query, and in a web address (`web`) also an `@` behind a host
    with a port: `host:80/@me`.
    """
    if "@" not in rest:
        return -1
    run = URL_END.split(rest, maxsplit=1)[0]
    authority = re.split("[/?#]", run, maxsplit=1)[0]
    at = authority.rfind("@")
    if at >= 0:
        return at if CLEAR_HOST.fullmatch(authority, at + 1) else run.rfind("@")
    is_host = ":" not in authority or (web and PORT.search(authority)) or authority.startswith("[")
    return -1 if is_host else run.rfind("@")
