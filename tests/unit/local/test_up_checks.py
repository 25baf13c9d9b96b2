"""How `aftercommit up` checks its ports, its folder and the broker's URL before it starts anything."""

import os
import socket
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import typer

from app.cli import main as main_module
from app.cli.migrate import upgrade
from app.errors import ConfigurationError, StartupError
from app.local.embedded.process import free_port
from app.local.folder import load_or_create_masking_key, lock_data_folder, publish_run_file
from app.local.ports import Address, check_free
from app.local.probes import NO_ANSWER, problem_at
from app.settings.run_file import RunFile, read_run_file

RUN = RunFile(
    database_url="d", broker_url="redis://127.0.0.1:1/0", masking_key="m", api_url="a", flower_url=None, pid=1
)


def _no_check() -> None:
    return None


def test_a_port_in_use_is_reported_with_the_option_that_changes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address("the API", "127.0.0.1", listener.getsockname()[1], "--port")

        with pytest.raises(ConfigurationError, match=rf"{address.port} for the API is in use: .*--port"):
            check_free([address], timeout=0, check=_no_check)
    check_free([address], timeout=0, check=_no_check)


def test_a_port_can_become_free_while_waiting() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    address = Address("the API", "127.0.0.1", listener.getsockname()[1], "--port")

    check_free([address], timeout=30, check=listener.close)


def test_two_services_need_two_ports() -> None:
    addresses = [Address("the API", "127.0.0.1", 4200, "--port"), Address("Flower", "127.0.0.1", 4200, "--flower-port")]

    with pytest.raises(ConfigurationError, match="--port and --flower-port are both 4200"):
        check_free(addresses, timeout=0, check=_no_check)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"can't listen on 203\.0\.113\.9"):
        check_free([Address("the API", "203.0.113.9", free_port(), "--port")], timeout=0, check=_no_check)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("example.test", "http://example.test:80"),
    ],
)
def test_the_url_of_an_address_can_be_opened_on_this_machine(host: str, url: str) -> None:
    assert Address("the API", host, 80, "--port").url == url


def test_a_folder_is_locked_once_and_the_error_names_the_holder(tmp_path: Path) -> None:
    with lock_data_folder(tmp_path / "new") as was_killed:
        assert not was_killed
        with pytest.raises(ConfigurationError, match=f"process {os.getpid()}"), lock_data_folder(tmp_path / "new"):
            pass
    with lock_data_folder(tmp_path / "new") as was_killed:
        assert not was_killed


def test_a_killed_holder_is_noticed_and_its_run_file_removed(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from app.local.folder import lock_data_folder\n"
    code += "with lock_data_folder(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        (tmp_path / "run.json").write_text("{}")
        holder.kill()

    with lock_data_folder(tmp_path) as was_killed:
        assert was_killed
        assert read_run_file(tmp_path) is None


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match="can't be used"), lock_data_folder(tmp_path / "file/below"):
        pass


def test_the_masking_key_is_private_and_permanent(tmp_path: Path) -> None:
    key = load_or_create_masking_key(tmp_path)

    assert load_or_create_masking_key(tmp_path) == key
    assert len(key) >= 32
    assert stat.S_IMODE((tmp_path / "masking.key").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_masking_key_of_another_user_is_refused(tmp_path: Path) -> None:
    load_or_create_masking_key(tmp_path)
    (tmp_path / "masking.key").chmod(0)

    with pytest.raises(StartupError, match="belongs to another user"):
        load_or_create_masking_key(tmp_path)


def test_the_run_file_is_private_and_removed_with_its_service(tmp_path: Path) -> None:
    with publish_run_file(tmp_path, RUN):
        assert read_run_file(tmp_path) == RUN
        assert stat.S_IMODE((tmp_path / "run.json").stat().st_mode) == 0o600
    assert read_run_file(tmp_path) is None


@pytest.mark.parametrize(("url", "words"), [("nonsense", "not a database URL"), ("mysql://x", "not mysql")])
def test_only_a_postgresql_url_is_accepted_for_the_database(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        upgrade(url)


def test_an_unreachable_database_is_reported_without_its_password() -> None:
    with pytest.raises(StartupError, match="can't be migrated") as caught:
        upgrade("postgresql+psycopg://user:hunter2@127.0.0.1:1/name")
    assert "hunter2" not in str(caught.value)


ANSWERS = {"/reason": b'{"message": "broker: does not answer"}', "/odd": b'{"message": 5}'}


def test_only_status_200_counts_as_ready_and_the_reason_is_read_from_the_response(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Requests to this machine must not go through the proxy of the environment.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/good" else 503)
            self.end_headers()
            self.wfile.write(ANSWERS.get(self.path, b""))

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert problem_at(f"{url}/good") is None
        assert problem_at(f"{url}/bad") == "it answers 503"
        assert problem_at(f"{url}/reason") == "broker: does not answer"
        assert problem_at(f"{url}/odd") == "it answers 503"
        server.shutdown()
    assert problem_at(f"{url}/good") == NO_ANSWER


def test_an_application_error_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = typer.Typer()

    @broken.command()
    def fail() -> None:
        raise ConfigurationError("The port [4200] is in use.")

    monkeypatch.setattr(main_module, "app", broken)
    monkeypatch.setattr(sys, "argv", ["aftercommit"])

    with pytest.raises(SystemExit) as caught:
        main_module.main()

    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: The port [4200] is in use.\n"
