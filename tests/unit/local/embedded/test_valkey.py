"""Embedded Valkey: only its owner has access, and its data survives restarts and crashes."""

from pathlib import Path

import pytest
import redis

from app.errors import StartupError
from app.local.embedded import Server, start_valkey
from tests.unit.local.embedded.inspecting import mode


def test_valkey_requires_a_password_and_hides_it(valkey: Server, folder: Path) -> None:
    password = (folder / "valkey/password").read_text()

    with redis.Redis(port=valkey.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    assert mode(folder / "valkey/valkey.conf") == 0o600
    assert password not in Path(f"/proc/{valkey.pid}/cmdline").read_text()
    assert password not in repr(valkey)


def test_valkey_keeps_port_and_data_after_a_restart(valkey: Server) -> None:
    port = valkey.port
    with redis.Redis.from_url(valkey.url, decode_responses=True) as client:
        client.set("kept", "7")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}

    valkey.restart()

    assert valkey.port == port
    with redis.Redis.from_url(valkey.url, decode_responses=True) as client:
        assert client.get("kept") == "7"


def test_valkey_restarts_on_its_port_after_a_crash(valkey: Server) -> None:
    valkey.kill()

    valkey.start()

    with redis.Redis.from_url(valkey.url) as client:
        assert client.ping()


def test_two_valkey_servers_never_share_a_folder(valkey: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.local.embedded.valkey._PREDECESSOR_TIMEOUT", 0.1)

    with pytest.raises(StartupError, match="Another Valkey runs on"):
        start_valkey(folder)
