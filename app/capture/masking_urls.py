"""Replaces the passwords and tokens in the URLs and the `key=value` pairs of a text, also percent-encoded ones."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final
from urllib.parse import unquote

URL_END: Final = re.compile(r"""\s|["'`](?=[\s,;:)\]}"'`]|$)""")
"""White space, or a quote before a delimiter or the end. Other quotes may be part of a password."""
CLEAR_HOST: Final = re.compile(r"localhost|[\w-]+(?:\.[\w-]+)++\.?+|[\w.-]++:\d++|\[[^\]]*+\].*", re.DOTALL)
"""Text that is certainly a host: `localhost`, a name with dots, a name with a port, or an address in brackets."""
PORT: Final = re.compile(r":\d{1,5}$")
WEB: Final = ("http", "https", "ws", "wss")
TOKEN: Final = re.compile(
    r"(?:gh[opsru]_|github_pat_|glpat-|hf_|npm_|pypi-|sk-|xox[a-z]-)\S+|(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])[\w.~+=%-]{20,}"
)
"""A user name that is a token: it begins like one, or is long and has letters and digits."""
NO_PASSWORDS: Final = frozenset({"", "x", "x-oauth-basic", "x-access-token", "x-token-auth", "oauth2"})
"""Constants in place of a password, with which a service expects its token as the user name."""
KEY: Final = r"(?:[\w.~\[\]-]|%(?!3D)[0-9A-F]{2}){1,80}+"
ENCODED_KEY: Final = r"(?:[\w.~\[\]-]|%(?!3[DF]|2[36])[0-9A-F]{2}){1,80}+"
"""It ends where another pair begins. Otherwise each of many beginnings would be followed by a search for its end."""
PAIR: Final = re.compile(rf"""([?&#]{KEY})=("[^"]*"|'[^']*'|[^&#\s"']+)""", re.IGNORECASE)
"""A pair of a query or a fragment: `?key=value`."""
ENCODED_PAIR: Final = re.compile(rf"""(%(?:3F|26|23){ENCODED_KEY})%3D((?:(?!%2[36])[^&#\s"'])+)""", re.IGNORECASE)
"""A pair in a percent-encoded URL: `%3Fkey%3Dvalue`."""
FIELD: Final = re.compile(r"""((?:^|;)\s*+[\w .-]{1,80}+)=("[^"]*"|'[^']*'|[^;\s"']+)""")
"""A field of a connection string: `;Key=value`."""
ENCODED_USERINFO: Final = re.compile(r"""(%3A%2F%2F)((?:(?!%40|%2F)[^\s&#?"'/]){1,300})(?=%40)""", re.IGNORECASE)

Replace = Callable[[str], str]
"""Returns the replacement of a secret."""


def mask_urls(text: str, replace: Replace, is_secret: Callable[[str], bool]) -> str:
    """Replace each password and each token in the URLs of a text, and the values of pairs with a secret key.

    Args:
        text: the text.
        replace: returns the replacement of a secret.
        is_secret: returns whether a key looks like the key of a secret.
    """
    if "://" in text:
        parts = text.split("://")
        text = "://".join([parts[0], *(_mask_userinfo(rest, before, replace) for before, rest in pairwise(parts))])
    if "%" in text:
        text = ENCODED_USERINFO.sub(lambda match: f"{match[1]}{_mask_encoded(match[2], replace)}", text)
    for separator, pattern in (("=", PAIR), ("%3", ENCODED_PAIR), (";", FIELD)):
        if separator in text:
            text = pattern.sub(lambda match: _mask_pair(match, replace, is_secret), text)
    return text


def _mask_pair(match: re.Match[str], replace: Replace, is_secret: Callable[[str], bool]) -> str:
    start, value = match.groups()
    key = unquote(start).lstrip("?&#; \t\n")
    return f"{match[0][: -len(value)]}{replace(value)}" if is_secret(key) else match[0]


def _mask_encoded(userinfo: str, replace: Replace) -> str:
    """Mask the user name and password of a percent-encoded URL."""
    colon = re.search("%3A", userinfo, re.IGNORECASE)
    if colon is None:
        return replace(userinfo)
    user, password = userinfo[: colon.start()], userinfo[colon.end() :]
    return f"{_mask_user(user, password, replace)}{colon[0]}{replace(password) if password else password}"


def _mask_userinfo(rest: str, scheme: str, replace: Replace) -> str:
    """Mask the password or the token in `rest`, the text between `://` and the next `://`.

    `scheme` is the text before it. In a web address, a user name without a password is a token.
    """
    web = scheme[-5:].lower().endswith(WEB)
    end = _userinfo_end(rest, web=web)
    user, colon, password = rest[: max(end, 0)].partition(":")
    if password:
        return f"{_mask_user(user, password, replace)}:{replace(password)}{rest[end:]}"
    if user and (web or TOKEN.fullmatch(user)):
        return f"{replace(user)}{colon}{rest[end:]}"
    return rest


def _mask_user(user: str, password: str, replace: Replace) -> str:
    is_token = user and (password in NO_PASSWORDS or TOKEN.fullmatch(user))
    return replace(user) if is_token else user


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


def as_text(masked: Any) -> str:
    """Return a text, or the mask of a whole text in the form of masks inside URLs: `$masked-<digits>`."""
    return masked if isinstance(masked, str) else "-".join(next(iter(masked.items())))
