"""The URL of the broker: what it may say, and the TLS settings in it, which every part of the service obeys.

kombu, redis-py and Flower each read such a URL in their own way. So only this module reads it: the others get the URL
without its parameters, and the TLS settings beside it.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

SCHEMES: Final = {"redis": False, "rediss": True}
"""Whether a URL with this scheme means TLS."""
CERT_REQS: Final = {"required": ssl.CERT_REQUIRED, "none": ssl.CERT_NONE}
FILES: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
PARAMETERS: Final = ("ssl_cert_reqs", *FILES)
EXAMPLE: Final = "redis://:password@host:6379/0"


@dataclass(frozen=True)
class BrokerAddress:
    """Where the broker is, and how to recognise it.

    Attributes:
        url: the URL without parameters; it contains the password.
        tls: the arguments of redis-py, kombu and Flower for TLS; None without TLS.
    """

    url: str
    tls: Mapping[str, Any] | None

    @property
    def is_unverified(self) -> bool:
        """Return whether any server with any certificate would be taken for the broker, and get the password."""
        return self.tls is not None and self.tls["ssl_cert_reqs"] is ssl.CERT_NONE


@lru_cache
def read_broker_url(url: str) -> BrokerAddress:
    """Return the address in this URL.

    Raises:
        ValueError: the URL is not valid, has an unknown parameter, or parameters that contradict each other. The text
            contains no part of the URL, because any part may be a piece of the password.
    """
    try:
        parts = urlsplit(url)
        is_place = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_place = False
    # kombu takes a `;` for the beginning of a second URL, and redis-py would use database 0 instead of a wrong one.
    if not is_place or ";" in url or parts.fragment or not _is_database(parts.path) or parts.scheme not in SCHEMES:
        raise ValueError(
            f"is not a URL like {EXAMPLE}; rediss:// means TLS. Write other characters than letters and digits of a "
            "password as %-codes"
        )
    parameters = _parameters(parts)
    plain = parts._replace(query="").geturl()
    if not SCHEMES[parts.scheme]:
        if parameters:
            raise ValueError("has ssl_ parameters, but redis:// does not use TLS: write rediss://")
        return BrokerAddress(plain, None)
    return BrokerAddress(plain, _tls(parameters))


def _is_database(path: str) -> bool:
    return path in ("", "/") or (path[1:].isascii() and path[1:].isdigit())


def _parameters(parts: SplitResult) -> dict[str, str]:
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    names = [name for name, _ in pairs]
    if any(name not in PARAMETERS for name in names):
        raise ValueError(f"has an unknown parameter after the `?`. The parameters are {', '.join(PARAMETERS)}")
    if len(set(names)) < len(names):
        raise ValueError("has a parameter twice")
    return dict(pairs)


def _tls(parameters: Mapping[str, str]) -> dict[str, Any]:
    wanted = parameters.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")
    if wanted not in CERT_REQS:
        raise ValueError("has an ssl_cert_reqs that is neither required nor none")
    files = {name: parameters[name] for name in FILES if name in parameters}
    if wanted == "none" and "ssl_ca_certs" in files:
        raise ValueError("has ssl_ca_certs, which ssl_cert_reqs=none would ignore: remove one of them")
    if "ssl_keyfile" in files and "ssl_certfile" not in files:
        raise ValueError("has ssl_keyfile without ssl_certfile")
    _check_files(files)
    return {"ssl_cert_reqs": CERT_REQS[wanted], **files}


def _check_files(files: Mapping[str, str]) -> None:
    """Read the files as a connection will, so that a wrong path ends the start and is not taken for an outage."""
    for name, path in files.items():
        if not Path(path).is_absolute():
            raise ValueError(f"has an {name} that is not an absolute path")
    try:
        context = ssl.create_default_context(cafile=files.get("ssl_ca_certs"))
    except (OSError, ValueError):
        raise ValueError("has an ssl_ca_certs that cannot be read as certificates in PEM format") from None
    if "ssl_certfile" in files:
        try:
            context.load_cert_chain(files["ssl_certfile"], files.get("ssl_keyfile"), password="")
        except (OSError, ValueError):
            raise ValueError(
                "has an ssl_certfile or ssl_keyfile that cannot be read as a certificate and its key in PEM format, "
                "without a passphrase"
            ) from None
