"""A CI job says why it deploys, with a setting of Prefect's own client."""

import re
from pathlib import Path

from tests.prefect.terminal import Terminal
from tests.world import World

PAGE = Path(__file__).parents[2] / "docs" / "attribution.md"


def ci_job() -> str:
    """Return the script of a CI job that the documents show."""
    section = PAGE.read_text().partition("## From a CI job")[2]
    script = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert script is not None
    return script[1]


def test_the_ci_job_of_the_documents_says_why_in_each_event(world: World, terminal: Terminal) -> None:
    file = terminal.folder / "prefect.yaml"
    name = world.name("nightly")
    file.write_text(file.read_text().replace('"{{ $POOL }}"', world.pool()).replace("name: nightly", f"name: {name}"))
    terminal.variables = {"API_KEY": "unused", "BUILD_URL": "https://ci.example/builds/7"}

    terminal.shell(ci_job().replace("http://127.0.0.1:4200/api", terminal.api_url))

    deployment = world.client.get(f"/deployments/name/etl/{name}").json()
    (event,) = world.life(deployment["id"])
    said = event["resource"]
    assert (said["aftercommit.reason"], said["aftercommit.change"]) == (
        "Release 2026.12",
        "https://ci.example/builds/7",
    )
    assert said["aftercommit.client"].startswith("prefect/")
