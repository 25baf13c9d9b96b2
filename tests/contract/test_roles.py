"""Every route needs a role, and the documents say which."""

from typing import Final

from starlette.routing import BaseRoute, Mount
from starlette.routing import Route as PlainRoute
from starlette.staticfiles import StaticFiles

from app.main import ROUTE_MODULES, create_app
from app.models.api_key import Role
from app.settings import Settings
from app.web.roles import FOR_ADMINS, needed_role
from app.web.routing import PREFIX
from tests.contract.documents import ROOT, rows_under
from tests.routes import routes

DOCUMENT: Final = ROOT / "docs/roles.md"


def test_the_document_has_the_role_of_each_route() -> None:
    """If this fails for a new route, check that its role is right, and add its row."""
    wanted = {f"{method} {path.removeprefix(PREFIX)}": needed_role(method, path) for method, path in routes()}
    shown = {row[0].strip("`"): row[1] for row in rows_under(DOCUMENT, "The routes")}
    assert shown == wanted


def test_every_route_for_admins_exists() -> None:
    assert {f"{method} {path}" for method, path in routes()} >= FOR_ADMINS


def test_a_route_outside_of_the_modules_only_reads(settings: Settings) -> None:
    """Such a route, for example `/openapi.json`, is open to every role and does not check it."""
    known: list[BaseRoute] = [route for module in ROUTE_MODULES for route in module.router.routes]
    others = [route for route in create_app().router.routes if route not in known]
    assert len(others) > 3
    for route in others:
        if isinstance(route, Mount):
            # It answers GET and HEAD only.
            assert isinstance(route.app, StaticFiles), route
            continue
        assert isinstance(route, PlainRoute), route
        assert route.methods is not None
        assert route.methods <= {"GET", "HEAD"}, route.path


def test_the_last_part_of_a_path_makes_a_route_a_read_only_for_reading_methods() -> None:
    assert needed_role("POST", "/api/flows/filter") is Role.READ
    assert needed_role("DELETE", "/api/flows/filter") is Role.WRITE
    assert needed_role("PATCH", "/api/work_pools/count") is Role.WRITE
    assert needed_role("POST", "/api/flows/anything-new") is Role.WRITE
