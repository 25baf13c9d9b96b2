"""Sends requests as the real client does: it retries temporary failures, also of POST, on any API that responds."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import httpx2

from tests.chaos.ledger import Operation

RETRIED: Final = frozenset({408, 429, 502, 503})
TRIES: Final = 5
TIMEOUT: Final = 10.0
LONGEST_WAIT: Final = 1.0
"""Retry-After is honoured up to here, so that a short run stays lively."""

Ids = Callable[[httpx2.Response], list[str]]


def no_ids(_response: httpx2.Response) -> list[str]:
    """Return no ids."""
    return []


def own_id(response: httpx2.Response) -> list[str]:
    """Return the id in the response."""
    return [str(response.json()["id"])]


def deleted_ids(response: httpx2.Response) -> list[str]:
    """Return the ids that the response lists as deleted."""
    return [str(id_) for id_ in response.json()["deleted"]]


def key_name(operation: Operation) -> str:
    """Return the name of the key with which the requests of an operation are sent: that of its client."""
    return operation.token.rpartition("-")[0]


class Caller:
    """A client of all APIs, for one thread."""

    def __init__(self, urls: Sequence[str], key: str, rng: random.Random, stopping: threading.Event) -> None:
        """Store the API addresses and the API key; once `stopping` is set, requests are not retried."""
        headers = {"Authorization": f"Bearer {key}"}
        self._clients = [
            httpx2.Client(
                base_url=f"{url}/api", headers=headers, timeout=TIMEOUT, follow_redirects=True, trust_env=False
            )
            for url in urls
        ]
        self._rng = rng
        self._stopping = stopping
        self.statuses: Counter[str] = Counter()
        self.longest = 0.0
        """The longest time from a request to its answer or its failure, in seconds."""

    def send(
        self, operation: Operation, method: str, path: str, body: Any = None, ids: Ids = no_ids, tries: int = TRIES
    ) -> httpx2.Response | None:
        """Send, with retries, until a response is final; return it, or None if there is none."""
        for number in range(tries):
            operation.begin_try()
            response, delivered = self._once(method, path, body, operation.token)
            if response is not None and response.is_success:
                operation.succeed(ids(response))
                return response
            if response is not None and response.is_client_error and response.status_code not in RETRIED:
                return response
            if delivered:
                operation.may_have_happened()
            if response is not None and response.status_code not in RETRIED:
                return response
            if self._stopping.is_set():
                return None
            if number + 1 < tries:
                self._wait(number, response)
        return None

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.close()

    def _once(self, method: str, path: str, body: Any, request_id: str) -> tuple[httpx2.Response | None, bool]:
        """Return the response, if any, and whether an API may have received the request."""
        client = self._rng.choice(self._clients)
        began = time.monotonic()
        try:
            response = client.request(method, path, json=body, headers={"X-Request-Id": request_id})
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            self.statuses[type(error).__name__] += 1
            return None, False
        except httpx2.TransportError as error:
            self.statuses[type(error).__name__] += 1
            return None, True
        finally:
            self.longest = max(self.longest, time.monotonic() - began)
        self.statuses[str(response.status_code)] += 1
        return response, True

    def _wait(self, number: int, response: httpx2.Response | None) -> None:
        asked = response.headers.get("retry-after") if response is not None else None
        seconds = float(asked) if asked is not None else 0.1 * 2**number
        self._stopping.wait(min(seconds, LONGEST_WAIT) * self._rng.uniform(0.8, 1.2))
