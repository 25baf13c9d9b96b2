"""Secrets sent over HTTP to real processes do not appear in any response, log, message or stored event."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from app.broker.contract import DISPATCH
from app.local import programs
from app.local.embedded.process import free_port
from app.local.ports import Address
from tests.acceptance.stack import Api, Role, Stack, running_servers
from tests.acceptance.watching import wait_until_it_answers
from tests.canary.broker import sent_commands, stored_keys, with_decoded_base64
from tests.canary.life import Lives
from tests.canary.refusals import refusals
from tests.canary.search import as_text, assert_clean, read_events, stored_texts
from tests.canary.secrets import MASKED_KEY, MASKED_PATHS, Canaries
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


class Service:
    """The processes of the service, all with the same log level."""

    def __init__(self, stack: Stack, level: str) -> None:
        """Take the servers and the level of all logs."""
        self.stack = stack
        self._level = level
        self._settings = {
            "log_level": level,
            "masked_keys": MASKED_KEY,
            "masked_paths": ",".join(MASKED_PATHS),
            "sweep_interval": "1",
        }

    def start_api(self) -> Api:
        """Start an API."""
        address = Address("API", "127.0.0.1", free_port(), "--port")
        api = Api(self._start("api", [*programs.api(address), "--log-level", "info"]), address.url)
        api.wait()
        return api

    def start_workers(self) -> None:
        """Start a worker and a beat."""
        self._start("worker", programs.worker(1))
        folder = self.stack.folder / "beat"
        folder.mkdir()
        self._start("beat", programs.beat(folder))

    @contextmanager
    def flower(self) -> Iterator[httpx2.Client]:
        """Start Flower and yield a client for it."""
        address = Address("Flower", "127.0.0.1", free_port(), "--flower-port")
        self._start("flower", [*programs.flower(address), f"--logging={self._level.lower()}"])
        with httpx2.Client(base_url=address.url, timeout=10) as client:
            wait_until_it_answers(client)
            yield client

    def logs(self) -> dict[str, str]:
        """Return the log of each process and each server."""
        return {path.name: path.read_text(errors="replace") for path in self.stack.folder.rglob("*.log")}

    def _start(self, name: str, command: list[str]) -> Role:
        # Celery has its own level option.
        own = [self._level if word == "WARNING" else word for word in command]
        return self.stack.start(name, own, **self._settings)


@pytest.fixture(params=["DEBUG", "INFO"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with its own servers; none of its processes is started yet."""
    with running_servers(tmp_path_factory.mktemp("canary")) as stack:
        yield Service(stack, request.param)


def test_no_process_responds_logs_sends_or_stores_a_secret(service: Service) -> None:
    canaries, answers, stack = Canaries(), [], service.stack
    url = stack.broker.url
    with sent_commands(url) as commands, service.start_api().client() as client, service.flower() as flower:
        lives = Lives(client, canaries)
        lives.live()
        assert_clean(canaries, kept=with_decoded_base64(stored_keys(url)), **dict(stored_texts(stack.sessions)))
        assert any("aftercommit.dispatch" in text for text in stored_keys(url))

        service.start_workers()
        lives.live()
        stack.world(client).drain_outbox()
        client.event_hooks = {"response": [lambda response: answers.append(response.read().decode())]}
        for refusal in refusals(client, canaries):
            refusal.send(client)
        client.event_hooks = {}
        stack.world(client).drain_outbox()
        wait_until(lambda: DISPATCH in flower.get("/api/tasks").text, "Flower to show the tasks")

        logs = service.logs()
        events = as_text(read_events(client, stack.sessions))
        texts = {
            "kept": with_decoded_base64(stored_keys(url)),
            "commands": with_decoded_base64(commands),
            "flower": flower.get("/api/tasks").text,
        }
        assert_clean(canaries, events=events, answers="\n".join(answers), **texts, **logs)
        assert_clean(canaries, **dict(stored_texts(stack.sessions)))
    print(f"{len(canaries.planted)} secrets, {len(answers)} refusals, {len(commands)} commands, logs: {sorted(logs)}")
    assert "snapshot_ids" in texts["commands"] or "deployment:" in texts["commands"]
    assert {"api.log", "worker.log", "beat.log", "flower.log", "server.log"} <= logs.keys()
