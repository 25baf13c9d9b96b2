"""Finds the passwords and tokens in the URLs of a text."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final

URL_END: Final = re.compile(r"""\s|["'`](?=[\s,;:)\]}"'`]|$)""")
"""A space, or a quote that closes something: a password may hold one."""
CLEAR_HOST: Final = re.compile(r"localhost|[\w-]+(?:\.[\w-]+)++\.?+|[\w.-]++:\d++|\[[^\]]*+\].*", re.DOTALL)
PORT: Final = re.compile(r":\d{1,5}$")
WEB: Final = ("http", "https", "ws", "wss")
QUERY_SECRET: Final = re.compile(
    r"([?&](?:[\w.-]*(?:token|secret|password|passwd|api[-_]?key|signature|sig|access[-_]?key))=)([^&\s#]+)",
    re.IGNORECASE,
)

Replace = Callable[[str], str]
"""What stands in the place of a secret."""


def mask_urls(text: str, replace: Replace) -> str:
    """Return the text with each password and each token in its URLs replaced."""
    if "://" in text:
        parts = text.split("://")
        text = "://".join([parts[0], *(_mask_userinfo(rest, before, replace) for before, rest in pairwise(parts))])
    if "=" in text and ("?" in text or "&" in text):
        text = QUERY_SECRET.sub(lambda found: f"{found[1]}{replace(found[2])}", text)
    return text


def _mask_userinfo(rest: str, scheme: str, replace: Replace) -> str:
    """Mask the password, or the token, in what follows `://` up to the next one."""
    web = scheme[-5:].lower().endswith(WEB)
    end = _userinfo_end(rest, web=web)
    user, colon, password = rest[: max(end, 0)].partition(":")
    if password:
        return f"{user}:{replace(password)}{rest[end:]}"
    if user and not colon and web:
        return f"{replace(user)}{rest[end:]}"
    return rest


def _userinfo_end(rest: str, *, web: bool) -> int:
    """Return where the `@` after a user's name and password is, or -1; `rest` is what follows `://`.

    A password that nobody percent-encoded may hold `@`, `/`, `?` and `#`. The `@` of a path or a query is told from
    its last `@` by what stands before: a host, or a host with its port. A path like `host:80/@me` is the web's alone.
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
