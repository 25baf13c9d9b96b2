"""Prefect's web pages, as the API serves them: paths, types, compression, caching and headers."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker

from app.main import create_app
from app.page import PageFiles, default_folder
from app.page.files import ANALYTICS_KEY, EVAL, PLACE_HOLDER
from app.settings import Settings
from tests.integration.web.guarded import new_key, set_up

FAILURE_ON_CONSOLE = re.compile(rb"\.message\|\|`Unknown error[^`]*`;console\.error\(\w+\)\}")
HTML = {"accept": "text/html,*/*"}
PATHS = sorted(PageFiles(default_folder(), "").paths)


@pytest.fixture
def browser(settings: Settings) -> Iterator[TestClient]:  # It sets up the environment.
    with TestClient(create_app(), base_url="http://localhost", follow_redirects=False) as client:
        yield client


def test_both_pages_are_installed() -> None:
    assert PageFiles(default_folder(), "").pages == ["v2", "v1"]


@pytest.mark.parametrize("path", ["/v2/", "/v2", "/v2/deployments", "/deployments", "/events/event/2026-12-01/x.y"])
def test_a_place_in_a_page_is_answered_with_its_index_file(path: str, browser: TestClient) -> None:
    answer = browser.get(path, headers=HTML)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    is_new = b'"/v2/assets/' in answer.content
    assert is_new == path.startswith("/v2")
    assert PLACE_HOLDER not in answer.content


def test_the_root_leads_to_the_new_page(browser: TestClient) -> None:
    answer = browser.get("/", headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (307, "/v2/")


def test_the_root_is_the_old_page_after_that_was_chosen(browser: TestClient) -> None:
    answer = browser.get("/", headers={**HTML, "cookie": "prefect_ui_version=v1"})
    assert (answer.status_code, b"/v2/" in answer.content) == (200, False)


@pytest.mark.parametrize("path", ["/none", "/assets/none.js", "/v2/assets/none.js", "/../pyproject.toml"])
def test_a_file_that_does_not_exist_is_404(path: str, browser: TestClient) -> None:
    assert browser.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/api/none", "/api/flows/none", "/docs", "/openapi.json", "/health"])
def test_the_paths_of_the_api_stay_its_own(path: str, browser: TestClient) -> None:
    assert b"prefect" not in browser.get(path, headers=HTML).content.lower()[:300]


def test_every_file_is_sent_ready_for_its_path(browser: TestClient) -> None:
    wrong = []
    for path in PATHS:
        answer = browser.get(path)
        kind = answer.headers["content-type"]
        is_right = answer.status_code == 200 and PLACE_HOLDER not in answer.content and "octet-stream" not in kind
        if not is_right or (path.endswith(".js") and (kind != "text/javascript; charset=utf-8")):
            wrong.append((path, answer.status_code, kind))
        if path.endswith(".js") and "mockServiceWorker" not in path:
            assert ANALYTICS_KEY.search(answer.content) is None, path
    assert wrong == []


def test_the_old_page_asks_for_names_without_eval_which_is_forbidden(browser: TestClient) -> None:
    scripts = [path for path in PATHS if path.endswith(".js") and not path.startswith("/v2/")]
    asking = [path for path in scripts if b"return e in globalThis" in browser.get(path).content]
    assert len(asking) == 1
    assert [path for path in scripts if EVAL.search(browser.get(path).content)] == []
    assert "unsafe-eval" not in browser.get(asking[0]).headers["content-security-policy"]


def test_the_new_page_writes_no_failure_only_on_the_console(browser: TestClient) -> None:
    scripts = [path for path in PATHS if path.endswith(".js") and path.startswith("/v2/")]
    assert [path for path in scripts if FAILURE_ON_CONSOLE.search(browser.get(path).content)] == []


def test_a_script_is_compressed_and_kept_for_ever(browser: TestClient) -> None:
    script = next(path for path in PATHS if path.startswith("/v2/assets/index-") and path.endswith(".js"))
    plain = browser.get(script, headers={"accept-encoding": "identity"})
    with browser.stream("GET", script, headers={"accept-encoding": "gzip"}) as answer:
        sent = b"".join(answer.iter_raw())
    assert "content-encoding" not in plain.headers
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (gzip.decompress(sent), len(sent) < len(plain.content) / 2) == (plain.content, True)


def test_an_unchanged_index_file_is_not_sent_again(browser: TestClient) -> None:
    first = browser.get("/v2/", headers=HTML)
    assert first.headers["cache-control"] == "no-cache"
    again = browser.get("/v2/", headers={**HTML, "if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/", "/v2/", "/ui-settings", "/v2/ico/favicon.ico"])
def test_a_page_requests_nothing_from_other_hosts(path: str, browser: TestClient) -> None:
    rules = browser.get(path, headers=HTML).headers["content-security-policy"].split("; ")
    assert {"default-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "object-src 'none'"} <= set(rules)
    assert not any("http" in rule or "*" in rule for rule in rules)


def test_the_pages_are_told_where_the_api_is(browser: TestClient) -> None:
    assert browser.get("/ui-settings").json() == {
        "api_url": "/api",
        "csrf_enabled": False,
        "auth": None,
        "flags": [],
        "default_ui": "v2",
        "available_uis": ["v1", "v2"],
        "v1_base_url": "/",
        "v2_base_url": "/v2",
    }


@pytest.mark.usefixtures("settings")
def test_the_pages_need_no_credential_and_are_told_to_ask_for_it(sessions: sessionmaker[Session]) -> None:
    new_key(sessions)
    with TestClient(create_app(), base_url="http://localhost") as client:
        assert client.get("/api/version").status_code == 401
        assert client.get("/v2/", headers=HTML).status_code == 200
        assert client.get("/ui-settings").json()["auth"] == "BASIC"


@pytest.mark.usefixtures("settings")
def test_behind_a_path_prefix_the_pages_find_their_files_and_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, path_prefix="/prefect/", csrf_protection="true")
    with TestClient(create_app(), base_url="http://localhost", follow_redirects=False) as client:
        assert client.get("/", headers=HTML).headers["location"] == "/prefect/v2/"
        assert b'src="/prefect/v2/assets/' in client.get("/v2/", headers=HTML).content
        assert b'src="/prefect/assets/' in client.get("/flows", headers=HTML).content
        told = client.get("/ui-settings").json()
        assert (told["api_url"], told["v1_base_url"], told["v2_base_url"]) == (
            "/prefect/api",
            "/prefect",
            "/prefect/v2",
        )
        assert told["csrf_enabled"] is True
        assert client.get("/api/health").status_code == 200


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("changed", [{"page": "off"}, {"page_dir": "nothing"}])
def test_without_pages_the_api_is_served(
    changed: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    set_up(
        monkeypatch, **{name: str(tmp_path / value) if name == "page_dir" else value for name, value in changed.items()}
    )
    with TestClient(create_app(), base_url="http://localhost") as client:
        assert client.get("/v2/", headers=HTML).status_code == 404
        assert client.get("/api/health").status_code == 200
