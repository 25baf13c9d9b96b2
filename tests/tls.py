"""A TLS server in front of another server. The Valkey of the Python wheel has no TLS itself."""

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trustme


@dataclass
class Front:
    """The TLS server, and what clients have done so far."""

    port: int
    refused: int = 0
    """The handshakes that failed: the client did not trust the certificate, or did not speak TLS."""
    received: bytearray = field(default_factory=bytearray)
    """What clients sent after their handshakes, decrypted."""


@contextmanager
def tls_front(port: int, certificate: trustme.LeafCert, clients: trustme.CA | None = None) -> Iterator[Front]:
    """Forward TLS connections to this port; if `clients` is given, only those of clients with its certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if clients is not None:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        front = Front(listener.getsockname()[1])
        threading.Thread(target=_accept, args=(listener, context, port, front), daemon=True).start()
        yield front
        # close() alone would leave the thread blocked in accept().
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int, front: Front) -> None:
    with contextlib.suppress(OSError):
        while True:
            near, _ = listener.accept()
            threading.Thread(target=_serve, args=(near, context, port, front), daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, port: int, front: Front) -> None:
    with plain:
        try:
            near = context.wrap_socket(plain, server_side=True)
        except OSError:
            front.refused += 1
            return
        with near, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as far:
            _pass_on(near, far, front.received)


def _pass_on(near: ssl.SSLSocket, far: socket.socket, received: bytearray) -> None:
    # One thread for both directions: an SSLSocket must not be used by two.
    while True:
        ready = [near] if near.pending() else select.select([near, far], [], [])[0]
        for side in ready:
            piece = side.recv(65536)
            if not piece:
                return
            if side is near:
                received += piece
            (far if side is near else near).sendall(piece)
