"""A project's life: templates, schedules that are paused and renamed, a limit that cancels, partial parameters."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.prefect.terminal import LACK_REPLACES, Output, Terminal, plain
from tests.world import JsonEvent, World, assert_unbroken, operations, updates


@dataclass
class Project:
    """A user's project with a `prefect.yaml` that has templates, and its deployment."""

    world: World
    terminal: Terminal

    def deploy(self, code: int = 0) -> Output:
        """Run `prefect deploy --all`."""
        return self.terminal.prefect("--no-prompt", "deploy", "--all", code=code)

    def edit(self, old: str, new: str) -> None:
        """Replace a text of `prefect.yaml` that is there once."""
        file = self.terminal.folder / "prefect.yaml"
        text = file.read_text()
        assert text.count(old) == 1, old
        file.write_text(text.replace(old, new))

    def rename(self, old: str, new: str) -> None:
        """Give a schedule another slug."""
        self.edit(f"slug: {old}\n", f"slug: {new}\n    replaces: {old}\n")

    @property
    def name(self) -> str:
        """The deployment's name, with its flow's."""
        return f"load/load-{self.world.token}"

    def read(self) -> Any:
        """Return the deployment as stored."""
        response = self.world.client.get(f"/deployments/name/{self.name}")
        assert response.status_code == 200, response.text
        return response.json()

    def schedules(self) -> dict[str, Any]:
        """Return the stored schedules by slug."""
        return {schedule["slug"]: schedule for schedule in self.read()["schedules"]}

    def life(self) -> list[JsonEvent]:
        """Return all events of the deployment."""
        events = self.world.life(self.read()["id"])
        assert_unbroken(events)
        return events

    def life_of_limit(self) -> list[JsonEvent]:
        """Return all events of the deployment's own limit."""
        return self.world.life(self.read()["global_concurrency_limit"]["id"], "concurrency-limit")


@pytest.fixture
def project(world: World, terminal: Terminal) -> Project:
    """A project that is deployed once."""
    (terminal.folder / "staged.yaml").replace(terminal.folder / "prefect.yaml")
    terminal.variables |= {"STAGE": world.token, "POOL": world.pool(), "DIRECTORY": "/srv", "COMMIT": "0123abc"}
    project = Project(world, terminal)
    project.deploy()
    return project


def by_slug(schedules: list[dict[str, Any]], *fields: str) -> dict[str, Any]:
    """Return these fields of the schedules in an event."""
    return {schedule["slug"]: {field: schedule[field] for field in fields} for schedule in schedules}


def test_environment_and_step_outputs_are_filled_in(world: World, project: Project) -> None:
    stored = project.read()

    assert (stored["version"], stored["description"]) == ("0123abc", f"Loads in {world.token}.")
    assert sorted(stored["tags"]) == sorted([world.token, "staged"])
    assert stored["job_variables"] == {"env": {"STAGE": world.token, "COMMIT": "0123abc"}}
    assert stored["pull_steps"] == [{"prefect.deployments.steps.set_working_directory": {"directory": "/srv/0123abc"}}]
    (created,) = project.life()
    assert created["payload"]["fields"]["version"] == "0123abc"


def test_a_new_commit_has_one_event_with_the_fields_that_depend_on_it(project: Project) -> None:
    project.terminal.variables["COMMIT"] = "4567def"

    project.deploy()

    changed = updates(project.life()[1])
    assert changed.keys() == {"version", "infra_overrides", "pull_steps"}
    assert changed["version"] == {"from": "0123abc", "to": "4567def"}


def test_a_paused_schedule_stays_paused_when_it_is_deployed_again(project: Project) -> None:
    before = project.schedules()
    project.terminal.prefect("deployment", "schedule", "pause", project.name, before["hourly"]["id"])
    paused = project.read()

    for _ in range(2):
        project.deploy()

    assert project.read() == paused
    assert {slug: each["id"] for slug, each in project.schedules().items()} == {
        slug: each["id"] for slug, each in before.items()
    }
    _, event = project.life()
    assert updates(event).keys() == {"schedules"}
    changed = updates(event)["schedules"]
    assert by_slug(changed["from"], "active") == {"nightly": {"active": True}, "hourly": {"active": True}}
    assert by_slug(changed["to"], "active") == {"nightly": {"active": True}, "hourly": {"active": False}}


def test_a_chain_of_renames_has_one_event_and_keeps_ids_and_pauses(project: Project, version: str) -> None:
    if version in LACK_REPLACES:
        pytest.skip(f"{version} refuses a prefect.yaml with `replaces`")
    before = project.schedules()
    project.terminal.prefect("deployment", "schedule", "pause", project.name, before["hourly"]["id"])
    project.rename("hourly", "often")
    project.rename("nightly", "hourly")

    for _ in range(2):
        project.deploy()

    after = project.schedules()
    kept = ("id", "active", "schedule", "parameters")
    assert {slug: [each[key] for key in kept] for slug, each in after.items()} == {
        "hourly": [before["nightly"][key] for key in kept],
        "often": [before["hourly"]["id"], False, before["hourly"]["schedule"], {}],
    }
    created, paused, renamed = project.life()
    assert operations([created, paused, renamed]) == ["created", "updated", "updated"]
    assert updates(renamed).keys() == {"schedules"}
    slugs = {each["id"]: each["slug"] for each in updates(renamed)["schedules"]["to"]}
    assert slugs == {before["nightly"]["id"]: "hourly", before["hourly"]["id"]: "often"}


def test_an_own_limit_that_cancels_runs_is_changed_with_its_deployment(project: Project) -> None:
    stored = project.read()
    assert stored["global_concurrency_limit"]["limit"] == 2
    assert stored["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    project.edit("limit: 2\n    collision_strategy: CANCEL_NEW", "limit: 3\n    collision_strategy: ENQUEUE")

    for _ in range(2):
        project.deploy()

    _, event = project.life()
    changed = updates(event)
    assert changed.keys() == {"concurrency_limit", "concurrency_options"}
    assert changed["concurrency_limit"] == {"from": 2, "to": 3}
    strategies = {side: options["collision_strategy"] for side, options in changed["concurrency_options"].items()}
    assert strategies == {"from": "CANCEL_NEW", "to": "ENQUEUE"}
    created, updated = project.life_of_limit()
    assert created["resource"]["prefect.resource.name"] == f"deployment:{stored['id']}"
    assert updates(updated) == {"limit": {"from": 2, "to": 3}}


def test_missing_values_are_accepted_at_every_depth_and_wrong_ones_refused(world: World, project: Project) -> None:
    stored = project.read()
    assert stored["parameters"] == {"options": {"source": {"url": f"https://{world.token}.example/data"}}}
    assert stored["enforce_parameter_schema"] is True
    project.edit("source: {url:", "source: {retries: many, url:")

    refused = project.deploy(code=1)

    assert "409 Conflict" in plain(refused.text + refused.errors)
    assert project.read() == stored
    assert operations(project.life()) == ["created"]

    project.edit("  parameters:\n    options:", "  enforce_parameter_schema: false\n  parameters:\n    options:")
    project.deploy()

    _, event = project.life()
    assert updates(event)["enforce_parameter_schema"] == {"from": True, "to": False}
    assert updates(event)["parameters"]["to"]["options"]["source"]["retries"] == "many"
