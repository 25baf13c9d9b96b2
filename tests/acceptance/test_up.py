"""`aftercommit up` as an operator runs it: a real process with real servers."""

import json
import os
import signal
import socket
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.local.embedded.process import free_port
from tests.acceptance.up_process import START_TIMEOUT, Up, answers, command, have_ended, refusal_of, start
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """The whole service, shared by the tests that do not change it."""
    folder = tmp_path_factory.mktemp("up") / "data"
    up = start(folder, "--flower-port", str(free_port()))
    try:
        up.wait_until_ready()
        yield up
    finally:
        up.process.terminate()
        up.process.wait(60)


def test_it_prints_the_urls_once_when_it_is_ready(up: Up) -> None:
    ready_lines = [line for line in up.log.splitlines() if "is ready" in line]

    assert ready_lines == [f"aftercommit is ready: API {up.run.api_url}  Flower {up.run.flower_url}  (Ctrl-C stops it)"]
    assert up.run.api_url == f"http://127.0.0.1:{up.port}/api"
    for url in (f"{up.run.api_url}/ready", f"{up.run.flower_url}/healthcheck"):
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.status == 200


def test_no_secret_is_in_a_command_line_or_in_the_output(up: Up) -> None:
    secrets = [up.run.database_url.split(":")[2].split("@")[0], up.run.broker_url.split(":")[2].split("@")[0]]
    secrets.append(up.run.masking_key)
    seen = "\n".join([*up.children().values(), up.log])

    assert all(len(secret) >= 32 for secret in secrets)
    assert not [secret for secret in secrets if secret in seen]


def test_its_files_with_secrets_are_private(up: Up) -> None:
    for name in ("run.json", "masking.key", "postgres/password", "valkey/password", "valkey/valkey.conf"):
        assert stat.S_IMODE((up.folder / name).stat().st_mode) == 0o600


def test_other_commands_find_its_servers(up: Up) -> None:
    result = command("migrate", AFTERCOMMIT_DATA_DIR=str(up.folder))

    assert (result.returncode, result.stdout) == (0, "The database is up to date.\n"), result.stderr


def test_a_second_start_on_the_same_folder_names_the_running_process(up: Up) -> None:
    assert f"(process {up.process.pid}) uses the data folder" in refusal_of(up.folder, "--port", str(free_port()))


def test_a_port_in_use_is_reported_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        error = refusal_of(tmp_path / "data", "--port", str(listener.getsockname()[1]), "--no-flower")

    assert "is in use: choose another port with --port (make run PORT=...)." in error.replace("\n", " ")
    assert not (tmp_path / "data/postgres").exists()


def test_it_does_not_listen_on_the_network_without_a_credential(tmp_path: Path) -> None:
    error = refusal_of(tmp_path / "data", "--host", "0.0.0.0", "--port", str(free_port()), "--no-flower")

    assert "there is no credential. Set AFTERCOMMIT_API_AUTH_STRING=user:password" in error.replace("\n", " ")


def test_a_killed_child_is_restarted(up: Up) -> None:
    api = next(pid for pid, command in up.children().items() if "app.server" in command)

    os.kill(api, signal.SIGKILL)

    wait_until(lambda: "api was killed by signal 9" in up.log, "the death is said")
    wait_until(lambda: answers(f"{up.run.api_url}/ready"), "the API is back", timeout=START_TIMEOUT)


def test_no_child_survives_a_kill_and_the_next_start_finds_the_data(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = start(folder, "--no-flower")
    first.wait_until_ready()
    children = first.children()
    key = (folder / "masking.key").read_text()
    assert len(children) >= 5

    first.process.kill()
    first.process.wait()
    wait_until(lambda: have_ended(children), "all children are gone")

    second = start(folder, "--no-flower")
    second.wait_until_ready()
    children = second.children()
    assert json.loads((folder / "run.json").read_text())["masking_key"] == key
    second.process.send_signal(signal.SIGINT)

    assert second.process.wait(60) == 0
    assert have_ended(children)
    assert not (folder / "run.json").exists()
    assert second.log.rstrip().endswith("Stopped.")


@pytest.mark.parametrize("moment", ["Starting PostgreSQL", "Bringing the database", "Waiting for the API"])
def test_it_can_be_stopped_at_any_step_of_its_start(tmp_path: Path, moment: str) -> None:
    up = start(tmp_path / "data", "--no-flower")
    wait_until(lambda: moment in up.log, moment, timeout=START_TIMEOUT)
    children = up.children()

    up.process.send_signal(signal.SIGINT)

    assert up.process.wait(60) == 0
    assert have_ended(children)
    assert "is ready" not in up.log


def test_a_broker_that_is_down_does_not_prevent_the_start(tmp_path: Path) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    up = start(tmp_path / "data", "--no-flower", AFTERCOMMIT_BROKER_URL=nowhere)
    up.wait_until_ready()

    assert "The broker does not answer (" in up.log
    assert answers(f"{up.run.api_url}/health")
    assert not (up.folder / "valkey").exists()
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(60) == 0
