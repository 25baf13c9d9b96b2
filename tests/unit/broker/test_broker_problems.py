"""What is wrong with a real broker: the probe and the publisher tell it apart from an outage."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
import trustme

from app.broker.doorbell import Doorbell
from app.broker.doorbells import purge_queues, send
from app.broker.probe import problem_with_broker
from app.broker.problems import describe
from app.errors import Unavailable
from app.local.embedded import Server, start_valkey
from app.local.embedded.process import free_port
from app.settings import Settings
from tests.tls import Front, tls_front
from tests.unit.broker.publishing import doorbells
from tests.waiting import wait_until

Admin = redis.Redis
NO_RIGHTS = "does not give its user the rights"


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real Valkey, without TLS."""
    server = start_valkey(tmp_path_factory.mktemp("valkey"))
    yield server
    server.stop()


@pytest.fixture
def admin(valkey: Server) -> Iterator[Admin]:
    """A client of the Valkey that may do everything; what it configured is reset."""
    with redis.Redis.from_url(valkey.url) as client:
        yield client
        for name, value in (("maxmemory", "0"), ("min-replicas-to-write", "0"), ("maxclients", "10000")):
            client.config_set(name, value)
        client.replicaof("NO", "ONE")
        client.flushall()


def settings(url: str) -> Settings:
    """Return settings with this broker."""
    return Settings(database_url="unused", broker_url=url, masking_key="k" * 32)


def why_not_sent(url: str, bells: list[Doorbell]) -> str | None:
    """Publish as an API process does, and return the reason for the log if it fails."""
    try:
        send(settings(url), bells)
    except Exception as error:  # noqa: BLE001  # As the publisher's thread.
        return describe(error)
    return None


def test_the_probe_has_no_effect(valkey: Server, admin: Admin) -> None:
    assert problem_with_broker(valkey.url) is None
    assert admin.keys() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda url: url.replace("redis://:", "redis://:x"), "refuses the user name or the password"),
        (lambda url: url.replace("redis://:", "redis://stranger:"), "refuses the user name or the password"),
        (lambda url: "redis://" + url.partition("@")[2], "wants a password"),
        (lambda url: url.replace("/0", "/99"), "does not have the database"),
        (lambda url: url.replace("redis://", "rediss://"), "does not answer in TLS"),
        (lambda url: f"redis://127.0.0.1:{free_port()}/0", "does not answer (ConnectionError)"),
    ],
)
def test_a_wrong_url_is_distinguished_from_an_outage(
    change: Callable[[str], str], words: str, valkey: Server, admin: Admin
) -> None:
    url = change(valkey.url)
    assert (problem_with_broker(url) or "").startswith(words)
    reason = why_not_sent(url, doorbells(1)) or ""
    assert reason.startswith(words.partition(" (")[0])
    with pytest.raises(Unavailable, match="The broker ") as caught:
        purge_queues(settings(url))
    assert words.partition(" (")[0] in str(caught.value)


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda admin: admin.config_set("maxmemory", "1"), "is out of memory"),
        (lambda admin: admin.config_set("min-replicas-to-write", "1"), "too few replicas"),
        (lambda admin: admin.set("aftercommit.dispatch", "x"), "has something else under a key"),
    ],
)
def test_a_server_that_responds_but_accepts_no_doorbell_is_detected(
    break_it: Callable[[Admin], object], words: str, valkey: Server, admin: Admin
) -> None:
    break_it(admin)
    assert admin.ping()
    assert words in (problem_with_broker(valkey.url) or "")
    assert words in (why_not_sent(valkey.url, doorbells(1)) or "")


def test_a_server_with_too_many_clients_is_detected(valkey: Server, admin: Admin) -> None:
    admin.config_set("maxclients", "1")
    assert problem_with_broker(valkey.url) == "accepts no more connections"


def test_a_real_replica_and_its_promotion_are_detected(valkey: Server, admin: Admin, tmp_path: Path) -> None:
    replica = start_valkey(tmp_path)
    try:
        with redis.Redis.from_url(replica.url, decode_responses=True) as client:
            client.config_set("primaryauth", valkey.url.split(":")[2].split("@")[0])
            client.replicaof("127.0.0.1", str(valkey.port))
            wait_until(lambda: client.info("replication")["master_link_status"] == "up", "the replica to follow")
            assert (problem_with_broker(replica.url) or "").startswith("is a read-only replica")
            assert why_not_sent(replica.url, doorbells(1)) == "is a read-only replica"
            client.replicaof("NO", "ONE")
        assert problem_with_broker(replica.url) is None
    finally:
        replica.stop()


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    """An authority of our own; its certificate is in `ca.pem`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return authority


@pytest.fixture
def front(valkey: Server, authority: trustme.CA) -> Iterator[Front]:
    """TLS in front of the Valkey, with a certificate for 127.0.0.1."""
    with tls_front(valkey.port, authority.issue_cert("127.0.0.1")) as front:
        yield front


def with_tls(valkey: Server, front: Front, query: str = "") -> str:
    """Return the URL of the TLS server."""
    return valkey.url_format.format(port=front.port).replace("redis://", "rediss://") + query


def test_a_certificate_of_an_unknown_authority_gets_no_password(valkey: Server, front: Front) -> None:
    url = with_tls(valkey, front)
    assert (problem_with_broker(url) or "").startswith("has a certificate that is not trusted (")
    assert (why_not_sent(url, doorbells(1)) or "").startswith("has a certificate that is not trusted (")
    with pytest.raises(Unavailable, match="The broker has a certificate that is not trusted"):
        purge_queues(settings(url))
    # Its thread may still count the last one.
    wait_until(lambda: front.refused == 3, "each attempt ends at the certificate")
    assert front.received == b""


def test_with_the_authority_doorbells_are_sent(valkey: Server, front: Front, tmp_path: Path, admin: Admin) -> None:
    url = with_tls(valkey, front, f"?ssl_ca_certs={tmp_path}/ca.pem")
    assert problem_with_broker(url) is None
    assert why_not_sent(url, doorbells(1)) is None
    assert purge_queues(settings(url)) == 1


def test_without_verification_doorbells_are_sent(valkey: Server, front: Front, admin: Admin) -> None:
    url = with_tls(valkey, front, "?ssl_cert_reqs=none")
    assert problem_with_broker(url) is None
    assert why_not_sent(url, doorbells(1)) is None
    assert admin.llen("aftercommit.dispatch") == 1


def test_a_certificate_for_another_host_gets_no_password(
    valkey: Server, authority: trustme.CA, tmp_path: Path, admin: Admin
) -> None:
    with tls_front(valkey.port, authority.issue_cert("other.example")) as front:
        url = with_tls(valkey, front, f"?ssl_ca_certs={tmp_path}/ca.pem")
        assert problem_with_broker(url) == "has a certificate for another host"
        assert why_not_sent(url, doorbells(1)) == "has a certificate for another host"
        assert front.received == b""


def test_a_broker_that_requires_a_client_certificate_gets_it(
    valkey: Server, authority: trustme.CA, tmp_path: Path, admin: Admin
) -> None:
    ours = authority.issue_cert("aftercommit.example")
    ours.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "ours.pem"))
    with tls_front(valkey.port, authority.issue_cert("127.0.0.1"), clients=authority) as front:
        url = with_tls(valkey, front, f"?ssl_ca_certs={tmp_path}/ca.pem&ssl_certfile={tmp_path}/ours.pem")
        assert problem_with_broker(url) is None
        assert why_not_sent(url, doorbells(1)) is None


def test_a_url_without_tls_for_a_broker_that_requires_it_is_reported(valkey: Server, front: Front) -> None:
    url = valkey.url_format.format(port=front.port)
    assert problem_with_broker(url) == "closes the connection: does it want TLS (rediss://)?"
