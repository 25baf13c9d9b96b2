"""Whether the ports that a service is to listen on are free."""

import errno
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from app.errors import ConfigurationError
from app.local.embedded.process import wait_until


@dataclass(frozen=True)
class Address:
    """Where a service is to listen, and the option that says so."""

    service: str
    host: str
    port: int
    option: str

    @property
    def url(self) -> str:
        """The address as a browser on this machine opens it; a service on all interfaces is found on loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  # It is read, not bound.
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def check_free(addresses: list[Address], *, patience: float, check: Callable[[], object]) -> None:
    """Return when every address can be listened on.

    Args:
        patience: how many seconds to wait for one that is in use.
        check: called while waiting; an exception that it raises ends the wait.

    Raises:
        ConfigurationError: one can't; the text names it and the option to change it.
    """
    taken_twice = [port for port, times in Counter(address.port for address in addresses).items() if times > 1]
    if taken_twice:
        options = " and ".join(address.option for address in addresses)
        raise ConfigurationError(f"{options} are both {taken_twice[0]}: give them different ports.")
    for address in addresses:
        if not wait_until(partial(_is_free, address), timeout=patience, check=check):
            where = f"{address.host}:{address.port}"
            raise ConfigurationError(
                f"The address {where} for {address.service} is in use: choose another port with {address.option} "
                f"(make run {address.option.strip('-').replace('-', '_').upper()}=...)."
            )


def _is_free(address: Address) -> bool:
    try:
        family, kind, *_, target = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # As the service itself does it, or connections that closed a moment ago would count as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(target)
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise ConfigurationError(
            f"{address.service} can't listen on {address.host}:{address.port} ({error.strerror}): "
            f"choose another address or, with {address.option}, another port."
        ) from error
    return True
