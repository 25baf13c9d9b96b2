"""Says why the broker cannot be used, so that a wrong password or certificate is not taken for an outage.

The texts quote nothing that the broker or the settings say, because `/ready` shows them without a credential.
"""

import re
import ssl
from collections.abc import Iterator
from typing import Final

from redis.exceptions import AuthenticationError, InvalidResponse, RedisError

from app.settings import Settings
from app.settings.broker_url import read_broker_url
from app.telemetry import get_logger

logger = get_logger(__name__)

CODE: Final = re.compile(r"[A-Z]{3,20}\b")
WRONG_HOST: Final = frozenset({62, 64})
"""OpenSSL's verification errors for another host name and another IP address."""
RIGHTS: Final = "does not give its user the rights that docs/operations.md lists"

BY_CODE: Final = {
    # Its cause would have been reported before, unless it is EXEC itself.
    "EXECABORT": RIGHTS,
    "LOADING": "is still loading its data",
    "MASTERDOWN": "is a replica without its primary",
    "MISCONF": "refuses changes, because it cannot save them to its disk",
    "MOVED": "is a cluster, which Celery does not support",
    "NOAUTH": "wants a password",
    "NOPERM": RIGHTS,
    "NOREPLICAS": "refuses changes, because too few replicas are connected",
    "OOM": "is out of memory",
    "READONLY": "is a read-only replica",
    "WRONGPASS": "refuses the user name or the password",
    "WRONGTYPE": "has something else under a key that Celery needs",
}
"""The broker's own codes of its refusals."""
CLOSED: Final = "closes the connection: does it want TLS (rediss://)?"
BY_TEXT: Final = {
    "Connection closed by server.": CLOSED,
    "DB index is out of range": "does not have the database whose number is in the URL",
    "max number of clients reached": "accepts no more connections",
}


def describe(error: BaseException) -> str:
    """Return what is wrong, as the end of a sentence that begins with "The broker". The error may wrap the cause."""
    causes = list(_chain(error))
    for cause in causes:
        text = _tls_problem(cause) or _refusal(cause)
        if text is not None:
            return text
    return f"does not answer ({type(error).__name__})"


def warn_if_unverified(settings: Settings) -> None:
    """Log a warning if the settings turn the verification of the broker's certificate off."""
    if read_broker_url(settings.broker_url).is_unverified:
        logger.warning("broker_not_verified", reason="ssl_cert_reqs=none: any server gets the broker's password")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and its causes, the outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _tls_problem(error: BaseException) -> str | None:
    if isinstance(error, TimeoutError) and "handshake" in str(error):
        return "does not answer in TLS: does it want redis:// without TLS?"
    if isinstance(error, InvalidResponse | ConnectionResetError):
        return CLOSED
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in WRONG_HOST:
            return "has a certificate for another host"
        return f"has a certificate that is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError) and error.reason is not None:
        return f"cannot agree on TLS ({error.reason.lower().replace('_', ' ')})"
    return None


def _refusal(error: BaseException) -> str | None:
    """Return the text for an answer of the broker that is an error, or None for anything else."""
    if not isinstance(error, RedisError):
        return None
    # redis-py puts the command, with its values, before the broker's words if it was one of several.
    text = str(error).rpartition("caused error: ")[2]
    code = error.status_code or (found[0] if (found := CODE.match(text)) else None)
    if code in BY_CODE:
        return BY_CODE[code]
    if isinstance(error, AuthenticationError):
        # Servers before version 6 have no code for this.
        return BY_CODE["WRONGPASS"]
    if text in BY_TEXT:
        return BY_TEXT[text]
    return f"refuses what Celery needs ({code})" if error.status_code else None
