"""Decides which requests are allowed. Nothing else makes this decision."""

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

Secrets = tuple[bytes, ...]
"""The secrets that a request contains. There may be none, or several candidates for the same secret."""

RECHECK_SECONDS: Final = 2.0
"""How often the credentials of open streams and WebSockets are checked again."""


def read_secrets(authorization: str | None, token: object = None) -> Secrets:
    """Return the secrets in an `Authorization` header and in the `token` of a WebSocket's auth frame.

    A client can send a key in three ways: as a Bearer token; as the Basic password with any user name (the only way
    in browsers); or alone in place of the Basic `user:password`. Prefect's client does the last with the value of
    PREFECT_API_AUTH_STRING.
    """
    secrets: list[bytes] = []
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        secrets.append(value.strip().encode())
    elif scheme.lower() == "basic":
        with suppress(ValueError):
            pair = b64decode(value.strip(), validate=True)
            secrets += [pair, pair.partition(b":")[2]]
    if isinstance(token, str):
        secrets.append(token.encode("utf-8", "surrogatepass"))
    return tuple(secret for secret in secrets if secret)


class Credentials:
    """Checks secrets against the auth string of the settings and the keys in the database.

    If neither exists, a process that listens only on loopback allows every request, and an exposed process allows none.
    """

    def __init__(self, settings: Settings, *, is_exposed: bool = False) -> None:
        """Prepare the checks. This does not connect to the database yet.

        Args:
            settings: the settings of the process.
            is_exposed: whether other machines can reach the process.
        """
        self._auth_string = _bytes(settings.api_auth_string)
        self._is_exposed = is_exposed
        # A separate connection: a revocation must be noticed even while requests use all connections of their pool.
        self.engine = make_engine(settings, application_name="aftercommit-keys", pool_size=1)
        self._sessions = make_sessions(self.engine)
        self._ring = KeyRing(self.read_keys)

    async def allows(self, secrets: Secrets) -> bool:
        """Return whether a request with these secrets is allowed.

        Raises:
            Unavailable: the answer depends on the keys, and this process has not been able to read them yet.
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
        return _matches_a_key(secrets, digests)

    async def exist(self) -> bool:
        """Return whether there is any credential, so that requests need one.

        Raises:
            Unavailable: this process has not been able to read the keys yet.
        """
        if self._auth_string is not None:
            return True
        digests = await self._ring.digests()
        if digests is None:
            raise Unavailable("Service Unavailable")
        return bool(digests)

    async def wait_until_refused(self, secrets: Secrets) -> None:
        """Return as soon as these secrets, which were allowed before, are no longer allowed."""
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            # If the keys cannot be read, an open connection stays open.
            with suppress(Unavailable):
                if not await self.allows(secrets):
                    return

    def read_keys(self) -> Digests:
        """Read the digests of the valid keys from the database. This blocks.

        Raises:
            SQLAlchemyError: the database could not be read.
        """
        with self._sessions() as session:
            return valid_digests(session)

    def close(self) -> None:
        """Close the database connection."""
        self._ring.close()
        self.engine.dispose()


def _bytes(secret: SecretStr | None) -> bytes | None:
    return None if secret is None else secret.get_secret_value().encode()


def _matches_a_key(secrets: Secrets, digests: Digests) -> bool:
    # `sum` makes every comparison. `any` would stop at the first match.
    return sum(_is_among(digest_of(secret), digests) for secret in secrets) > 0


def _is_among(secret: bytes, candidates: Iterable[bytes]) -> bool:
    """Compare in constant time: the duration must not reveal how much of the secret was right."""
    return sum(hmac.compare_digest(secret, candidate) for candidate in candidates) > 0
