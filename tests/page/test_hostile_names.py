"""Names, tags and descriptions that are made to do harm do none on any page: nothing in them runs."""

from urllib.parse import quote

import pytest

from tests.page.visit import Ui, Visit
from tests.world import World

LONGEST = 500
NAMES = {
    "long": "x" * LONGEST,
    "turned around": "\u202e\u2067gnp.exe\u2069\u202c \u05e9\u05dc\u05d5\u05dd",
    "quotes": '\'"` onclick=hit() "',
    "template": "${{7*7}} {{constructor.constructor('hit()')()}} #{hit()}",
    "emoji": "\U0001f642 \U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f4\u200d\u2620\ufe0f",
    "address": "javascript:hit()",
}
"""A name cannot have `/`, `%`, `&`, `<` and `>`. Each calls the function `hit` if it is taken for code."""
MARKUP = (
    "<script>hit()</script><img src=data:, onerror=hit()><svg onload=hit()></svg><iframe srcdoc='<script>parent.hit()"
    "</script>'></iframe>[link](javascript:hit()) <a href=javascript:hit()>link</a> https://example.com/?a=1#b"
)
"""Tags, descriptions and versions can have every character."""
BLOCKED = "console: Executing inline event handler violates the following Content Security Policy"
"""The old page puts HTML from a description into itself; the browser then refuses to run it, and says so."""


@pytest.fixture(params=["v2", "v1"])
def ui(request: pytest.FixtureRequest) -> Ui:
    """Both pages, one after the other."""
    ui: Ui = request.param
    return ui


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES.keys())
def test_nothing_in_a_name_a_tag_or_a_description_runs(visit: Visit, world: World, text: str) -> None:
    visit.page.expose_function("hit", lambda: visit.problems.append("a script in the data ran"))
    for path in hostile_pages(world, text[: LONGEST - len(world.name(""))]):
        visit.open(path)
        visit.shows(world.token)
        visit.settle()
        visit.problems[:] = [problem for problem in visit.problems if not problem.startswith(BLOCKED)]
        for link in visit.page.get_by_role("link", name="link", exact=True).all():
            assert not (link.get_attribute("href") or "").startswith("javascript:"), path
        assert not visit.problems, path


def hostile_pages(world: World, text: str) -> list[str]:
    """Create a resource of each kind with this name, and return the paths of the pages that show it."""
    name = world.name(text)
    world.post("/work_pools/", {"name": name, "type": "process", "description": MARKUP}, 201)
    world.post(f"/work_pools/{quote(name)}/queues", {"name": name, "description": MARKUP}, 201)
    world.post("/v2/concurrency_limits/", {"name": name, "limit": 1}, 201)
    world.post("/concurrency_limits/", {"tag": name, "concurrency_limit": 1}, 201)
    deployment = world.deploy(
        flow=text, name=text, work_pool_name=name, work_queue_name=name, tags=[MARKUP], description=MARKUP,
        version=MARKUP, entrypoint=MARKUP, path=MARKUP,
    )  # fmt: skip
    event = world.life(deployment)[0]
    return [
        "/deployments",
        f"/deployments/deployment/{deployment}",
        f"/deployments/deployment/{deployment}?tab=Description",
        f"/deployments/deployment/{deployment}?tab=Configuration",
        f"/deployments/deployment/{deployment}/edit",
        "/flows",
        f"/flows/flow/{world.flow(text)}",
        "/work-pools",
        f"/work-pools/work-pool/{quote(name)}",
        f"/work-pools/work-pool/{quote(name)}/queue/{quote(name)}",
        "/concurrency-limits",
        "/events",
        f"/events/event/{event['occurred'][:10]}/{event['id']}",
    ]
