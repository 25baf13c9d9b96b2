"""Every page of both of Prefect's pages opens with our data, in light and dark, whatever the names are."""

import pytest

from tests.page.conftest import WAYS
from tests.page.visit import Scheme, Ui, Visit
from tests.world import World

HOSTILE_NAMES = {
    "long": "x" * 460,
    "right-to-left": "\u202eevil \u05e9\u05dc\u05d5\u05dd",
    "template": "{{7*7}} ${7*7} $(7) \\ ' \" `",
}
MARKUP = "<script>document.title='hit'</script><img src=x onerror=\"document.title='hit'\">"
"""A name cannot have `/`, `%`, `&`, `<` and `>`, but other texts can."""
EMPTY_PAGES = {
    "/dashboard": "Run a task or flow to get started",
    "/runs": "Run a task or flow to get started",
    "/blocks": "Add a block to get started",
    "/blocks/catalog": "Can't find a block for your service?",
    "/variables": "Add a variable to get started",
    "/automations": "Create an automation to get started",
    "/artifacts": "Artifacts",
    "/settings": "Color Mode",
}
"""Pages about what does not exist here, and a text that each shows."""


def pages(world: World, deployment: str) -> dict[str, str]:
    """Return the paths of all pages about what exists, and a text that each shows."""
    pool, flow, limit = world.name("pool"), world.flow(), world.name("db")
    created = world.post("/v2/concurrency_limits/", {"name": limit, "limit": 3}, 201)
    tag_limit = world.post("/concurrency_limits/", {"tag": world.name("big"), "concurrency_limit": 2}, 201)
    event = world.life(deployment)[0]
    return {
        "/deployments": "Deployments",
        f"/deployments/deployment/{deployment}": world.name("nightly"),
        f"/deployments/deployment/{deployment}/edit": "General",
        f"/deployments/deployment/{deployment}/duplicate": "General",
        f"/deployments/deployment/{deployment}/run": "Run Name",
        "/flows": "Flows",
        f"/flows/flow/{flow}": world.name("etl"),
        "/work-pools": pool,
        "/work-pools/create": "Infrastructure Type",
        f"/work-pools/work-pool/{pool}": pool,
        f"/work-pools/work-pool/{pool}/edit": "Base Job Template",
        f"/work-pools/work-pool/{pool}/queue/create": "Priority",
        f"/work-pools/work-pool/{pool}/queue/default": "default",
        f"/work-pools/work-pool/{pool}/queue/default/edit": "Priority",
        "/concurrency-limits": created["name"],
        f"/concurrency-limits/concurrency-limit/{tag_limit['id']}": world.name("big"),
        "/events": "Event Feed",
        f"/events/event/{event['occurred'][:10]}/{event['id']}": world.name("nightly"),
    }


@pytest.fixture(params=WAYS, ids="-".join)
def way(request: pytest.FixtureRequest) -> tuple[Ui, Scheme]:
    """A page and the colours that the browser prefers."""
    way: tuple[Ui, Scheme] = request.param
    return way


@pytest.fixture
def ui(way: tuple[Ui, Scheme]) -> Ui:
    """Both pages, one after the other."""
    return way[0]


@pytest.fixture
def scheme(way: tuple[Ui, Scheme]) -> Scheme:
    """Light and dark."""
    return way[1]


def test_each_page_opens(visit: Visit, world: World) -> None:
    deployment = world.deploy(work_pool_name=world.pool(), schedules=[{"schedule": {"cron": "0 1 * * *"}}])
    for path, text in pages(world, deployment).items():
        visit.open(path)
        visit.shows(text)
        visit.settle()
        assert not visit.problems, path


@pytest.mark.parametrize("path", EMPTY_PAGES)
def test_a_page_about_nothing_says_so(visit: Visit, path: str) -> None:
    visit.open(path)
    visit.shows(EMPTY_PAGES[path])
    visit.settle()


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES.keys())
def test_a_hostile_name_does_no_harm(visit: Visit, world: World, name: str) -> None:
    deployment = world.deploy(name=name, work_pool_name=world.pool(), tags=[MARKUP], description=MARKUP, version=MARKUP)
    event = world.life(deployment)[0]
    for path in (
        "/deployments",
        f"/deployments/deployment/{deployment}",
        f"/deployments/deployment/{deployment}/edit",
        "/events",
        f"/events/event/{event['occurred'][:10]}/{event['id']}",
    ):
        visit.open(path)
        visit.shows(name[:12].strip())
        visit.settle()
        assert visit.page.title() != "hit"
        width = visit.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert width[0] <= width[1], f"{path} is too wide"
