"""A small load balancer: HTTP over TCP, round robin, with a drain and with health checks. It resends nothing."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.waiting import wait_until

HEALTH_SECONDS = 0.1
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
Answer = tuple[int, Mapping[str, str], bytes]


@dataclass
class Backend:
    """One API process as the balancer sees it."""

    port: int
    is_out: bool = False
    """True: the balancer sends it no new requests."""
    open_requests: int = 0


@dataclass
class Balancer:
    """Sends each request to the next backend; tries another one only if the connection is refused."""

    backends: list[Backend]
    turn: int = 0
    failures: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    def drain(self, backend: Backend) -> None:
        """Send no more requests to the backend and wait until it has answered its open ones."""
        backend.is_out = True
        wait_until(lambda: backend.open_requests == 0, "the backend to be drained")

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Forward a request on a new connection and return the answer; 502 if the connection breaks."""
        for backend in self._backends_in_turn():
            connection = HTTPConnection("127.0.0.1", backend.port, timeout=60)
            with self._forward(backend):
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    # Nothing was sent, so another backend may get the request.
                    continue
                try:
                    connection.request(method, path, body, {**headers, "Connection": "close"})
                    response = connection.getresponse()
                    return response.status, dict(response.getheaders()), response.read()
                except (OSError, HTTPException) as error:
                    self.failures.append(f"{method} {path}: {error!r}")
                    return 502, {}, b""
                finally:
                    connection.close()
        self.failures.append(f"{method} {path}: no backend")
        return 503, {}, b""

    def watch(self) -> None:
        """Until `end`: take a backend out while it does not answer `/health` with 200."""
        while not self._over.wait(HEALTH_SECONDS):
            for backend in self.backends:
                backend.is_out = not _is_healthy(backend)

    def end(self) -> None:
        """Stop watching."""
        self._over.set()

    def _backends_in_turn(self) -> list[Backend]:
        with self._lock:
            self.turn += 1
            first = self.turn % len(self.backends)
        ordered = self.backends[first:] + self.backends[:first]
        return [backend for backend in ordered if not backend.is_out]

    @contextmanager
    def _forward(self, backend: Backend) -> Iterator[None]:
        with self._lock:
            backend.open_requests += 1
        try:
            yield
        finally:
            with self._lock:
                backend.open_requests -= 1


def _is_healthy(backend: Backend) -> bool:
    connection = HTTPConnection("127.0.0.1", backend.port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    balancer: Balancer

    def handle_one_request(self) -> None:
        """Answer one request of the client, whatever its method."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        sent = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        status, headers, content = self.balancer.send(self.command, self.path, sent, body)
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def balanced(ports: list[int], *, watching: bool = False) -> Iterator[tuple[Balancer, str]]:
    """Run a balancer for these ports; yield it and its URL. If `watching`, it polls `/health`."""
    balancer = Balancer([Backend(port) for port in ports])
    handler = type("Handler", (_Handler,), {"balancer": balancer})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threads = [threading.Thread(target=server.serve_forever, args=[0.05])]
    if watching:
        threads.append(threading.Thread(target=balancer.watch))
    for thread in threads:
        thread.start()
    try:
        yield balancer, f"http://127.0.0.1:{server.server_port}"
    finally:
        balancer.end()
        server.shutdown()
        server.server_close()
        for thread in threads:
            thread.join()
