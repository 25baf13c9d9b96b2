"""The page at `/docs` works without internet: everything that it loads comes from the API itself."""

import re

import pytest
from fastapi.testclient import TestClient

PAGE = "http://localhost/docs"


@pytest.fixture
def page(client: TestClient) -> str:
    """The page."""
    response = client.get(PAGE)
    assert response.status_code == 200
    return response.text


def test_the_page_names_no_other_host(page: str) -> None:
    assert "//" not in page


def test_the_api_serves_every_file_of_the_page(page: str, client: TestClient) -> None:
    files = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(files) == 3
    for file in files:
        response = client.get(f"http://localhost{file}")
        assert response.status_code == 200, file
        assert len(response.content) > 500, file


def test_the_page_shows_the_document_of_the_api(page: str, client: TestClient) -> None:
    (path,) = re.findall(r"url: '([^']+)'", page)
    assert client.get(f"http://localhost{path}").json()["info"]["title"] == "aftercommit"


def test_the_browser_may_load_nothing_from_another_host(client: TestClient) -> None:
    policy = client.get(PAGE).headers["content-security-policy"]
    sources = {source for rule in policy.split(";") for source in rule.split()[1:]}
    assert sources == {"'none'", "'self'", "'unsafe-inline'", "data:"}
    assert "default-src 'none'" in policy
