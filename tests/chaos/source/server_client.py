"""A client of the real Prefect server: it changes deployments over HTTP, and knows which changes were acknowledged."""

import threading
from collections import defaultdict
from typing import Any, Final

import httpx2

DEPLOYMENTS: Final = 3


class ServerClient(threading.Thread):
    """Changes deployments of its own, one request after the other."""

    def __init__(self, url: str, stopping: threading.Event) -> None:
        """Take the address of the server's API."""
        super().__init__(name="chaos-prefect-client", daemon=True)
        self.sent: defaultdict[str, list[str]] = defaultdict(list)
        """The marks that were sent, by the id of the deployment, in order."""
        self.acknowledged: set[str] = set()
        self.errors: list[Exception] = []
        self._url = url
        self._stopping = stopping

    def run(self) -> None:
        """Work until it is told to stop."""
        try:
            with httpx2.Client(base_url=self._url, timeout=5) as client:
                self._work(client)
        except Exception as error:  # noqa: BLE001  # A bug of the driver is a finding of the run.
            self.errors.append(error)

    def _work(self, client: httpx2.Client) -> None:
        flow = self._until_done(client, "/flows/", {"name": "over-http"})
        keys = []
        for number in range(DEPLOYMENTS):
            body = {"name": f"http-{number}", "flow_id": flow, "description": "new", "enforce_parameter_schema": False}
            keys.append(self._until_done(client, "/deployments/", body))
        number = 0
        while not self._stopping.wait(0.05):
            number += 1
            self._patch(client, keys[number % len(keys)], f"h-{number}")

    def _patch(self, client: httpx2.Client, key: str, mark: str) -> None:
        self.sent[key].append(mark)
        try:
            response = client.patch(f"/deployments/{key}", json={"description": mark})
        except httpx2.TransportError:
            # Whether it was committed is not known.
            self._stopping.wait(0.2)
            return
        if response.is_success:
            self.acknowledged.add(mark)

    def _until_done(self, client: httpx2.Client, path: str, body: dict[str, Any]) -> str:
        while not self._stopping.is_set():
            try:
                response = client.post(path, json=body)
            except httpx2.TransportError:
                self._stopping.wait(0.2)
                continue
            if response.is_success:
                return str(response.json()["id"])
            self._stopping.wait(0.2)
        return ""
