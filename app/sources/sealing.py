"""Encrypts the URLs of sources, so that neither the database nor its backups show their passwords.

The key is derived from the masking key, which every worker has. So whoever has both the database and the masking key
can read the URLs: this protects the database alone, such as a backup or a replica.
"""

import base64
import hashlib
import hmac
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

from app.errors import ConfigurationError, WrongMaskingKey

PURPOSE: Final = b"aftercommit URLs of sources"
"""Makes this key another one than all others that are derived from the masking key."""


def seal(text: str, masking_key: SecretStr) -> bytes:
    """Encrypt a text.

    Raises:
        ConfigurationError: there is no masking key.
    """
    return _cipher(masking_key).encrypt(text.encode())


def unseal(data: bytes, masking_key: SecretStr) -> str:
    """Return the text that was encrypted with this masking key.

    Raises:
        ConfigurationError: there is no masking key.
        WrongMaskingKey: it was encrypted with another one.
    """
    try:
        return _cipher(masking_key).decrypt(data).decode()
    except InvalidToken:
        raise WrongMaskingKey(
            "The URL of the source was stored with another masking key. Store it again: "
            "`aftercommit attach resume NAME --url URL`."
        ) from None


def _cipher(masking_key: SecretStr) -> Fernet:
    key = masking_key.get_secret_value()
    if not key:
        raise ConfigurationError("Set AFTERCOMMIT_MASKING_KEY, or start `aftercommit up`: URLs are encrypted with it.")
    return Fernet(base64.urlsafe_b64encode(hmac.new(key.encode(), PURPOSE, hashlib.sha256).digest()))
