"""Decides which requests are allowed. Nothing else makes this decision."""

import asyncio
import hmac
from base64 import b64decode
from contextlib import suppress
from typing import Final

from pydantic import SecretStr

from app.access.api_keys import PREFIX, Keys, KnownKey, digest_of, known_keys, record_uses
from app.access.failed_tries import FailedTries
from app.access.holder import ANYONE, Holder, holder_of_auth_string, holder_of_key
from app.access.key_ring import KeyRing
from app.access.key_uses import KeyUses, Uses
from app.access.refusals import Refusals
from app.errors import ExpiredKey, Unauthorized, Unavailable
from app.postgres.engine import make_engine, make_sessions
from app.settings import Settings

Secrets = tuple[bytes, ...]
"""The secrets that a request contains. There may be none, or several candidates for the same secret."""

UNAUTHORIZED: Final = "Unauthorized"
EXPIRED: Final = "The API key has expired. `aftercommit keys create` makes a new one."
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
    """Checks secrets against the auth string of the settings, which gives the role admin, and the keys in the database.

    If neither exists, everyone is admin in a process that listens only on loopback, and an exposed process allows no
    request.
    """

    def __init__(self, settings: Settings, *, is_exposed: bool = False) -> None:
        """Prepare the checks. This does not connect to the database yet.

        Args:
            settings: the settings of the process.
            is_exposed: whether other machines can reach the process.
        """
        self._auth_string = _bytes(settings.api_auth_string)
        self._user = holder_of_auth_string(self._auth_string)
        self._is_exposed = is_exposed
        # Separate connections: a revocation must be noticed even while requests use all connections of their pool, and
        # while the others wait to write the uses of keys and the refusals.
        self.engine = make_engine(settings, application_name="aftercommit-keys", pool_size=3)
        self._sessions = make_sessions(self.engine)
        self._uses = KeyUses(self._record_uses)
        self._ring = KeyRing(self.read_keys)
        self._refusals = Refusals(self._sessions, settings)
        self._tries = FailedTries(self._refusals.note)

    async def admit(self, secrets: Secrets, address: str) -> Holder:
        """Return the holder of these secrets. Answer slowly if the address has sent many wrong ones.

        A request without any secret is no try, and the holder of an expired key does not guess.

        Raises:
            Unauthorized: none of the secrets is valid. It is ExpiredKey if one is a key that has expired.
            Unavailable: the answer depends on the keys, and this process has not been able to read them yet.
        """
        try:
            holder = await self.check(secrets)
        except ExpiredKey:
            raise
        except Unauthorized:
            if secrets:
                await self._tries.fail(address)
            raise
        if self._has_auth_string(secrets):
            await self._tries.succeed(address)
        return holder

    async def check(self, secrets: Secrets) -> Holder:
        """Return the holder of these secrets.

        Raises:
            Unauthorized: none of the secrets is valid. It is ExpiredKey if one is a key that has expired.
            Unavailable: the answer depends on the keys, and this process has not been able to read them yet.
        """
        if self._has_auth_string(secrets):
            return self._user
        if self._auth_string is not None and not any(secret.startswith(PREFIX.encode()) for secret in secrets):
            raise Unauthorized(UNAUTHORIZED)
        keys = await self._known_keys()
        if self._auth_string is None and not keys and not self._is_exposed:
            return ANYONE
        key = _valid_key(secrets, keys)
        self._uses.note(key.id)
        return holder_of_key(key)

    def key_name(self, secrets: Secrets) -> str | None:
        """Return the name of the key among these secrets, for the log. The auth string has no name."""
        return next((name for secret in secrets if (name := self._ring.name_of(digest_of(secret)))), None)

    async def exist(self) -> bool:
        """Return whether there is any credential, so that requests need one.

        Raises:
            Unavailable: this process has not been able to read the keys yet.
        """
        return self._auth_string is not None or bool(await self._known_keys())

    async def wait_until_refused(self, secrets: Secrets) -> Unauthorized:
        """Return the refusal as soon as these secrets, which were valid before, are no longer valid."""
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            # If the keys cannot be read, an open connection stays open.
            with suppress(Unavailable):
                try:
                    await self.check(secrets)
                except Unauthorized as error:
                    return error

    def read_keys(self) -> Keys:
        """Read the keys from the database. This blocks.

        Raises:
            SQLAlchemyError: the database could not be read.
        """
        with self._sessions() as session:
            return known_keys(session)

    def close(self) -> None:
        """Write the last uses of keys and the last refusals, and close the database connections."""
        self._uses.close()
        self._refusals.close()
        self._ring.close()
        self.engine.dispose()

    def _record_uses(self, uses: Uses) -> None:
        with self._sessions.begin() as session:
            record_uses(session, uses)

    def _has_auth_string(self, secrets: Secrets) -> bool:
        return self._auth_string is not None and _is_among(self._auth_string, secrets)

    async def _known_keys(self) -> Keys:
        keys = await self._ring.keys()
        if keys is None:
            raise Unavailable("Service Unavailable")
        return keys


def _bytes(secret: SecretStr | None) -> bytes | None:
    return None if secret is None else secret.get_secret_value().encode()


def _valid_key(secrets: Secrets, keys: Keys) -> KnownKey:
    # The time of a look-up depends on the digest, which reveals nothing about how much of a guess was right.
    found = [key for secret in secrets if (key := keys.get(digest_of(secret))) is not None]
    valid = next((key for key in found if not key.has_expired()), None)
    if valid is not None:
        return valid
    # Only who has the whole key learns this.
    raise ExpiredKey(EXPIRED) if found else Unauthorized(UNAUTHORIZED)


def _is_among(secret: bytes, candidates: Secrets) -> bool:
    """Compare in constant time: the duration must not reveal how much of the secret was right."""
    # `sum` makes every comparison. `any` would stop at the first match.
    return sum(hmac.compare_digest(secret, candidate) for candidate in candidates) > 0
