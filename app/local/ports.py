"""Checks that the ports of the services are free."""

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
    """The address of a service, and the command-line option for its port."""

    service: str
    host: str
    port: int
    option: str

    @property
    def url(self) -> str:
        """The URL for a browser on this machine; it names loopback if the service listens on all interfaces."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  # It is read, not bound.
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def check_free(addresses: list[Address], *, timeout: float, check: Callable[[], object]) -> None:
    """Return when every address is free.

    Args:
        timeout: seconds to wait for an address that is in use.
        check: called repeatedly while waiting; its exception ends the wait.

    Raises:
        ConfigurationError: an address can't be used; the text names it and the option to change it.
    """
    duplicate_ports = [port for port, times in Counter(address.port for address in addresses).items() if times > 1]
    if duplicate_ports:
        options = " and ".join(address.option for address in addresses)
        raise ConfigurationError(f"{options} are both {duplicate_ports[0]}: give them different ports.")
    for address in addresses:
        if not wait_until(partial(_is_free, address), timeout=timeout, check=check):
            where = f"{address.host}:{address.port}"
            raise ConfigurationError(
                f"The address {where} for {address.service} is in use: choose another port with {address.option} "
                f"(make run {address.option.strip('-').replace('-', '_').upper()}=...)."
            )


def _is_free(address: Address) -> bool:
    try:
        family, kind, *_, target = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # As the service does: without it, connections that closed a moment ago make the port look taken.
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
