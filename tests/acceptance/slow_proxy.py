"""A TCP proxy that forwards everything with a delay, to simulate a slow network."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def slow_proxy(port: int, delay: float) -> Iterator[int]:
    """Yield the port of a proxy to `port` that delays each chunk by `delay` seconds, both ways."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, port, delay), daemon=True).start()
        yield listener.getsockname()[1]
        # close() alone would leave the thread blocked in accept().
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, port: int, delay: float) -> None:
    with contextlib.suppress(OSError):
        while True:
            near, _ = listener.accept()
            try:
                far = socket.create_connection(("127.0.0.1", port))
            except ConnectionRefusedError:
                near.close()
                continue
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=(source, target, delay), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket, delay: float) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            time.sleep(delay)
            target.sendall(piece)
    # When one side closes, close the other side too.
    for side in (source, target):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
            side.close()
