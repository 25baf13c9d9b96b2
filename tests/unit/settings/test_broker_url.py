"""What the URL of the broker may say."""

import ssl
from pathlib import Path

import pytest
import trustme

from app.errors import ConfigurationError
from app.local.probes import require_broker_url
from app.settings import Settings
from app.settings.broker_url import read_broker_url

PLAIN = "redis://:hunter2@host:6379/0"
TLS = "rediss://:hunter2@host:6379/0"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with the certificate of an authority, and with a certificate and its key."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    mine = authority.issue_cert("worker.example")
    mine.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    mine.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    (tmp_path / "other.txt").write_text("not PEM")
    return tmp_path


@pytest.mark.parametrize("url", [PLAIN, "redis://host", "redis://user:p%40ss@host/", "redis://[::1]:6379/15"])
def test_without_tls_the_url_is_passed_on_unchanged(url: str) -> None:
    assert (read_broker_url(url).url, read_broker_url(url).tls) == (url, None)


@pytest.mark.parametrize("query", ["", "?ssl_cert_reqs=required", "?ssl_cert_reqs=CERT_REQUIRED"])
def test_tls_verifies_by_default(query: str) -> None:
    address = read_broker_url(TLS + query)
    assert (address.url, address.tls, address.is_unverified) == (TLS, {"ssl_cert_reqs": ssl.CERT_REQUIRED}, False)


def test_only_none_turns_the_verification_off() -> None:
    assert read_broker_url(f"{TLS}?ssl_cert_reqs=none").is_unverified


def test_the_files_are_passed_on(files: Path) -> None:
    query = f"ssl_ca_certs={files}/ca.pem&ssl_certfile={files}/cert.pem&ssl_keyfile={files}/key.pem"
    tls = read_broker_url(f"{TLS}?{query}").tls
    assert tls == {
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
        "ssl_ca_certs": f"{files}/ca.pem",
        "ssl_certfile": f"{files}/cert.pem",
        "ssl_keyfile": f"{files}/key.pem",
    }


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"{TLS}?ssl_check_hostname=false", "an unknown parameter"),
        (f"{PLAIN}?socket_timeout=5", "an unknown parameter"),
        (f"{TLS}?hunter2", "an unknown parameter"),
        (f"{PLAIN}?ssl_ca_certs=/ca.pem", "redis:// does not use TLS"),
        (f"{TLS}?ssl_cert_reqs=optional", "neither required nor none"),
        (f"{TLS}?ssl_cert_reqs=none&ssl_cert_reqs=required", "a parameter twice"),
        (f"{TLS}?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem", "would ignore"),
        (f"{TLS}?ssl_keyfile=/key.pem", "ssl_keyfile without ssl_certfile"),
        (f"{TLS}?ssl_ca_certs=ca.pem", "not an absolute path"),
        (f"{TLS}?ssl_ca_certs=/hunter2.pem", "cannot be read as certificates"),
        (f"{TLS}?ssl_ca_certs=FILES/other.txt", "cannot be read as certificates"),
        (f"{TLS}?ssl_certfile=FILES/ca.pem&ssl_keyfile=FILES/key.pem", "a certificate and its key"),
    ],
)
def test_unknown_and_contradicting_parameters_are_refused_without_quoting_them(
    url: str, words: str, files: Path
) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        read_broker_url(url.replace("FILES", str(files)))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "redis://",
        "amqp://host",
        "amqps://host",
        "unix:///run/valkey.sock",
        "redis://:hun#ter2@host:6379/0",
        "redis://:hun/ter2@host:6379/0",
        "redis://:hun?ter2@host:6379/0",
        "redis://:hun;ter2@host:6379/0",
        "redis://host:port/0",
        "redis://host:6379/zero",
        "redis://host:6379/0;redis://other:6379/0",
    ],
)
def test_every_process_refuses_a_url_that_its_libraries_read_differently(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in (("DATABASE_URL", "d"), ("BROKER_URL", url), ("MASKING_KEY", "k"), ("DATA_DIR", str(tmp_path))):
        monkeypatch.setenv(f"AFTERCOMMIT_{name}", value)
    with pytest.raises(ConfigurationError, match="AFTERCOMMIT_BROKER_URL: is not a URL like") as caught:
        Settings.load()
    assert "ter2" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="AFTERCOMMIT_BROKER_URL is not a URL like"):
        require_broker_url(url)
