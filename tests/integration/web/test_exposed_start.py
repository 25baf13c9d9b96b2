"""Without a credential, the API process refuses to listen on the network, and says so in its log on loopback."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.local.embedded.process import free_port
from app.settings import Settings
from tests.integration.web.guarded import new_key
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.usefixtures("settings")


def command(host: str) -> list[str]:
    return [sys.executable, "-m", "app.server", "--host", host, "--port", str(free_port())]


def output_of_start(host: str, log: Path) -> str:
    """Start the API, wait until it listens, stop it; return its output."""
    with log.open("wb") as output:
        process = subprocess.Popen(command(host), cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: "api_started" in log.read_text() or process.poll() is not None, "it to listen")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    return log.read_text()


def test_without_a_credential_the_api_does_not_start_on_the_network() -> None:
    done = subprocess.run(command("0.0.0.0"), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert done.stderr.startswith("error: The API must not listen on 0.0.0.0 while there is no credential.")


def test_without_a_credential_the_api_reports_that_it_listens_on_loopback_only(tmp_path: Path) -> None:
    printed = output_of_start("127.0.0.1", tmp_path / "log")

    assert "There is no credential" in printed
    assert "the API listens on 127.0.0.1 only" in printed


def test_with_a_key_the_api_starts_on_the_network_without_a_warning(
    settings: Settings, sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    new_key(sessions)

    printed = output_of_start("0.0.0.0", tmp_path / "log")

    assert "host=0.0.0.0" in printed
    assert "credential" not in printed
