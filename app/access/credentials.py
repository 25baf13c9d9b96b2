"""The one place that decides who may come in."""

import asyncio
import hmac
from base64 import b64decode
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from pydantic import SecretStr

from app.access.api_keys import PREFIX, digest_of, valid_digests
from app.access.key_ring import Digests, KeyRing
from app.errors import Unavailable
from app.postgres.engine import make_engine, make_sessions
from app.settings import Settings

Presented = tuple[bytes, ...]
"""What a request brings as its secret: none, one, or more than one way to read it."""

RECHECK_SECONDS: Final = 2.0
"""How often those are checked again who stay: the readers of streams and WebSockets."""


def presented(authorization: str | None, token: object = None) -> Presented:
    """Return the secrets in an `Authorization` header and in the `token` of a WebSocket's auth frame.

    A key may come as a Bearer, as a password with any user's name (browsers have no other way), or alone in the place
    of `user:password`, which is how Prefect's client sends what stands in its PREFECT_API_AUTH_STRING.
    """
    found: list[bytes] = []
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        found.append(value.strip().encode())
    elif scheme.lower() == "basic":
        with suppress(ValueError):
            pair = b64decode(value.strip(), validate=True)
            found += [pair, pair.partition(b":")[2]]
    if isinstance(token, str):
        found.append(token.encode("utf-8", "surrogatepass"))
    return tuple(secret for secret in found if secret)


class Credentials:
    """Decides by the auth string of the settings and the keys of the database.

    With neither, a process that listens on loopback lets everybody in, and an exposed one nobody.
    """

    def __init__(self, settings: Settings, *, is_exposed: bool = False) -> None:
        """Take the settings, and whether others than this machine can reach the process; nothing connects yet."""
        self._auth_string = _bytes(settings.api_auth_string)
        self._is_exposed = is_exposed
        # Its one connection is its own: a key must die also while requests use all the others.
        self._engine = make_engine(settings, application_name="aftercommit-keys", pool_size=1)
        self._sessions = make_sessions(self._engine)
        self._ring = KeyRing(self.read_keys)

    async def admits(self, secrets: Presented) -> bool:
        """Tell whether somebody with these secrets may come in.

        Raises:
            Unavailable: that depends on the keys, and they could not be read since the process began.
        """
        if self._auth_string is not None:
            if _is_among(self._auth_string, secrets):
                return True
            if not any(secret.startswith(PREFIX.encode()) for secret in secrets):
                return False
        digests = await self._ring.digests()
        if digests is None:
            raise Unavailable("Service Unavailable")
        if self._auth_string is None and not digests:
            return not self._is_exposed
        return _opens(secrets, digests)

    async def until_refused(self, secrets: Presented) -> None:
        """Return when somebody who came in with these secrets may no longer stay."""
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            # Unknown keys are no reason to turn somebody out.
            with suppress(Unavailable):
                if not await self.admits(secrets):
                    return

    def read_keys(self) -> Digests:
        """Read the digests of the valid keys from the database; it blocks, and raises what SQLAlchemy raises."""
        with self._sessions() as session:
            return valid_digests(session)

    def close(self) -> None:
        """Let go of the database."""
        self._ring.close()
        self._engine.dispose()


def _bytes(secret: SecretStr | None) -> bytes | None:
    return None if secret is None else secret.get_secret_value().encode()


def _opens(secrets: Presented, digests: Digests) -> bool:
    # Each comparison is made: a sum does not end at the first that fits, as `any` would.
    return sum(_is_among(digest_of(secret), digests) for secret in secrets) > 0


def _is_among(wanted: bytes, candidates: Iterable[bytes]) -> bool:
    """Compare with each in constant time: how long it takes tells nothing of how much was right."""
    return sum(hmac.compare_digest(wanted, candidate) for candidate in candidates) > 0
