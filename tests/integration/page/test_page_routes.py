"""Every route in the scripts of Prefect's web pages has a response: the resource, or the reason why there is none.

`tests/data/prefect-page-routes.json` lists the routes, with the pages and versions that name each.
"""

import json
import re
from uuid import uuid4

from fastapi.testclient import TestClient

from app.page import default_folder
from tests.contract.documents import ROOT
from tests.page_routes import KNOWN, listed_for, routes_of, version_of

DOCUMENT = ROOT / "docs/wire-compatibility.md"
LISTED: list[str] = list(json.loads(KNOWN.read_text()))
UNKNOWN_ROUTE_RESPONSES = {(404, '{"detail":"Not Found"}'), (405, '{"detail":"Method Not Allowed"}')}


NOT_BELOW_API = {"/ui-settings"}


def unanswered() -> list[str]:
    """Return the routes that the document says have no response."""
    text = DOCUMENT.read_text().partition("### Routes in the pages' scripts")[2]
    return sorted(re.findall(r"^\| `([A-Z]+ /\S+)` \|", text, re.MULTILINE))


def lacks_response(client: TestClient, route: str) -> bool:
    method, path = route.replace("views/{}", "views/aggregate-worker-metadata").replace("{}", str(uuid4())).split(" ")
    if path in NOT_BELOW_API:
        path = f"http://localhost{path}"
    answer = client.request(method, path, json={} if method in ("POST", "PUT", "PATCH") else None)
    return (answer.status_code, answer.text) in UNKNOWN_ROUTE_RESPONSES or answer.status_code in (500, 502, 503)


def test_the_list_has_every_route_of_the_installed_pages() -> None:
    assert routes_of(default_folder() / "prefect") == listed_for(version_of(default_folder()))


def test_every_route_that_a_page_names_has_a_response_with_documented_exceptions(client: TestClient) -> None:
    assert sorted(route for route in LISTED if lacks_response(client, route)) == unanswered()
