"""docker-compose.yml and the Procfile start the same processes as the program. Needs no Docker and no YAML parser."""

import re
from pathlib import Path

import pytest

from app.broker.contract import make_celery
from app.local import programs
from app.local.ports import Address
from app.settings import Settings
from workers.shutdown import GIVING_BACK_SECONDS

ROOT = Path(__file__).parents[2]
OWN_SERVICES = ("migrate", "api", "worker", "beat", "flower")
LONG_RUNNING = ("postgres", "valkey", "api", "worker", "beat", "flower")


def _services() -> dict[str, str]:
    """The text of each service: the lines below its name, which is indented by two spaces."""
    text = (ROOT / "docker-compose.yml").read_text().split("\nservices:\n")[1].split("\nvolumes:\n")[0]
    parts = re.split(r"^  ([a-z]+):\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: command for name, _, command in (line.partition(": ") for line in lines if not line.startswith("#"))}


def test_all_services_are_present_and_ours_share_one_image() -> None:
    services = _services()

    assert set(services) == set(OWN_SERVICES) | {"postgres", "valkey"}
    for name in OWN_SERVICES:
        assert "<<: *aftercommit" in services[name]
        assert "image:" not in services[name]
    assert "image: postgres:18\n" in services["postgres"]
    assert "image: valkey/valkey:9\n" in services["valkey"]


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_a_long_running_service_has_a_health_check_and_a_stop_grace_period(name: str) -> None:
    text = _services()[name]

    assert "healthcheck:" in text
    assert "stop_grace_period:" in text


def test_the_stop_grace_period_of_a_worker_exceeds_its_longest_shutdown() -> None:
    text = _services()["worker"]
    settings = Settings(database_url="d", broker_url="redis://127.0.0.1:1/0", masking_key="k" * 32)
    soft = make_celery("worker", lambda: settings).conf.worker_soft_shutdown_timeout

    grace = re.search(r"stop_grace_period: (\d+)s", text)
    assert grace is not None
    assert int(grace[1]) > soft + GIVING_BACK_SECONDS
    assert "worker@$$HOSTNAME" in text


def test_ports_are_published_on_loopback_only() -> None:
    published = re.findall(r'^ +- "([^"]*:\d+)"$', (ROOT / "docker-compose.yml").read_text(), flags=re.MULTILINE)

    assert len(published) == 2
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_postgres_volume_is_mounted_where_the_image_stores_its_data() -> None:
    assert "- postgres:/var/lib/postgresql\n" in _services()["postgres"]


def test_every_password_is_a_required_environment_variable() -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    names = set(re.findall(r"\$\{(\w+):\?", text))
    assert names == {
        "POSTGRES_PASSWORD",
        "VALKEY_PASSWORD",
        "AFTERCOMMIT_MASKING_KEY",
        "AFTERCOMMIT_API_AUTH_STRING",
    }
    assert names <= set(re.findall(r"^(\w+)=$", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))


def test_the_api_in_a_container_listens_on_the_network_and_requires_a_credential() -> None:
    assert '"--host", "0.0.0.0"' in (ROOT / "Dockerfile").read_text()
    assert "AFTERCOMMIT_API_AUTH_STRING: ${AFTERCOMMIT_API_AUTH_STRING:?" in _services()["api"]


def test_flower_gets_only_its_address_so_columns_and_limits_are_the_same_everywhere() -> None:
    """`app/flower` has the defaults, and takes the rest from the settings."""
    own = r"-m app\.flower --address=\S+ --port=\S+$"
    compose = re.search(r"command: \[(.*)\]", _services()["flower"])
    assert compose is not None

    for command in (
        " ".join(programs.flower(Address("Flower", "127.0.0.1", 5555, "--flower-port"))),
        _procfile()["flower"],
        " ".join(re.findall(r'"([^"]*)"', compose[1])),
    ):
        assert re.search(own, command), command


def test_flower_asks_for_the_credential_of_the_api() -> None:
    assert "environment: *exposed\n" in _services()["flower"]
    assert "environment: &exposed\n" in _services()["api"]


def test_the_api_of_the_procfile_listens_on_loopback_by_default() -> None:
    assert "--host ${HOST:-127.0.0.1}" in _procfile()["api"]


@pytest.mark.parametrize("name", ["worker", "beat", "flower", "api"])
def test_each_service_has_the_flags_of_the_up_command(name: str, tmp_path: Path) -> None:
    address = Address("it", "127.0.0.1", 4200, "--port")
    commands = {
        "worker": programs.worker(1),
        "beat": programs.beat(tmp_path),
        "flower": programs.flower(address),
        "api": programs.api(address),
    }
    # These flags only matter for `up`, which runs all processes in one terminal.
    own = {"--log-level", f"--port={address.port}", f"--address={address.host}"}
    if name == "api":
        # In compose, the container's cpuset chooses the core.
        assert "cpuset:" in _services()[name]
        assert "--core ${CORE:-0}" in _procfile()[name]
        own |= {"--core"}
    flags = {word for word in commands[name] if word.startswith("-")} - own
    compose = _services()[name] if name != "api" else (ROOT / "Dockerfile").read_text()

    for text in (compose, _procfile()[name]):
        assert not [flag for flag in flags if flag not in text]
