"""The list of client routes is complete, compared with the source of the installed client."""

import json
from pathlib import Path

from tests.prefect.client_routes import routes_of

KNOWN = Path(__file__).parent.parent / "data" / "prefect-client-routes.json"


def test_every_route_of_the_installed_client_is_listed(package: Path, version: str) -> None:
    listed = {route for route, versions in json.loads(KNOWN.read_text()).items() if version in versions}

    assert set(routes_of(package)) == listed
