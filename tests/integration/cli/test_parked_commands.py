"""`outbox parked`, `show` and `replay`: show parked snapshots, and return them to the workers."""

from typing import Any
from uuid import uuid4

import pytest

from app.errors import Conflict, NotFound
from app.models import SCHEMA_VERSION, SnapshotRow
from tests.integration.outbox_world import OutboxWorld
from tests.integration.parked_world import ERROR, as_json, assert_clean, error_of, make_parked, park, run
from workers.retry import ATTEMPTS


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def parked_row(outbox_world: OutboxWorld) -> SnapshotRow:
    """A deployment with four revisions: the first is an event, the second is parked."""
    return make_parked(outbox_world)


def names(world: OutboxWorld) -> list[str]:
    return [event.event.rpartition(".")[2] for event in world.log()]


def test_parked_lists_each_snapshot_with_its_error_and_what_waits_behind_it(parked_row: SnapshotRow) -> None:
    (row,) = as_json("parked")
    assert row.pop("since") is not None
    assert row == {
        "id": str(parked_row.id),
        "resource": f"prefect.deployment.{parked_row.resource_id}",
        "name": "nightly",
        "revision": 2,
        "event": "prefect.deployment.updated",
        "attempts": ATTEMPTS,
        "deaths": 1,
        "error": ERROR,
        "waiting": 2,
    }


def test_parked_shows_the_error_without_interpreting_markup(parked_row: SnapshotRow) -> None:
    shown = run("parked").stdout
    assert str(parked_row.id) in shown
    assert ERROR in shown


def test_an_empty_list_of_parked_snapshots_is_reported(outbox_world: OutboxWorld) -> None:
    assert run("parked").stdout == "Nothing is parked.\n"
    assert as_json("parked") == []


def test_show_shows_the_state_and_the_diff(parked_row: SnapshotRow) -> None:
    shown = as_json("show", parked_row.id)
    assert (shown["state"], shown["error"], shown["schema_version"]) == ("parked", ERROR, SCHEMA_VERSION)
    assert shown["changes"] == {"version": {"before": None, "after": "2"}}
    printed = run("show", parked_row.id).stdout
    assert "version" in printed
    assert "null" in printed


@pytest.mark.parametrize(("revision", "state"), [(2, "parked"), (3, "pending")])
def test_show_also_shows_snapshots_that_are_not_parked(
    revision: int, state: str, parked_row: SnapshotRow, outbox_world: OutboxWorld
) -> None:
    row = next(row for row in outbox_world.pending() if row.revision == revision)
    assert as_json("show", row.id)["state"] == state


def test_a_replayed_snapshot_is_dispatched_in_order_as_if_it_had_never_failed(
    parked_row: SnapshotRow, outbox_world: OutboxWorld
) -> None:
    assert outbox_world.dispatch_all() == 0
    result = run("replay", parked_row.id)
    assert f"Replayed {parked_row.id}: prefect.deployment.updated of nightly" in result.stdout
    assert "next sweep" in result.stdout
    row = outbox_world.pending()[0]
    assert (row.attempts, row.deaths, row.error, row.parked, row.next_attempt) == (0, 0, None, None, None)
    assert outbox_world.dispatch_all() == 3
    assert names(outbox_world) == ["created", "updated", "updated", "updated"]
    assert_clean(outbox_world)


def test_all_parked_snapshots_can_be_replayed(outbox_world: OutboxWorld) -> None:
    outbox_world.create("one", "two", "three")
    park(outbox_world, 1)
    assert len(as_json("replay", "--all")["replayed"]) == 3
    assert outbox_world.dispatch_all() == 3
    assert "Nothing is parked." in run("replay", "--all").stdout


def test_a_dry_run_shows_what_would_be_replayed_and_changes_nothing(
    parked_row: SnapshotRow, outbox_world: OutboxWorld
) -> None:
    assert f"Would replay {parked_row.id}" in run("replay", "--all", "--dry-run").stdout
    found = as_json("replay", parked_row.id, "--dry-run")
    assert [row["id"] for row in found["would_replay"]] == [str(parked_row.id)]
    assert found["replayed"] == []
    assert outbox_world.pending()[0].parked is not None


@pytest.mark.parametrize("arguments", [[], [uuid4(), "--all"]], ids=["neither", "both"])
def test_replay_requires_either_an_id_or_all(arguments: list[Any], outbox_world: OutboxWorld) -> None:
    result = run("replay", *arguments)
    assert result.exit_code == 2
    assert "--all" in result.output


@pytest.mark.parametrize("command", [["show"], ["replay"], ["skip", "--reason", "why"]])
def test_an_unknown_id_is_reported(command: list[str], outbox_world: OutboxWorld) -> None:
    assert isinstance(error_of(*command, uuid4()), NotFound)


@pytest.mark.parametrize("command", [["replay"], ["skip", "--reason", "why"]])
def test_a_snapshot_that_is_not_parked_can_be_neither_replayed_nor_skipped(
    command: list[str], parked_row: SnapshotRow, outbox_world: OutboxWorld
) -> None:
    behind = next(row for row in outbox_world.pending() if row.revision == 3)
    assert isinstance(error_of(*command, behind.id), Conflict)
    assert outbox_world.pending()[1].skip_reason is None


@pytest.mark.parametrize("command", ["parked", "show", "replay", "skip"])
def test_the_help_shows_examples(command: str) -> None:
    shown = run(command, "--help").stdout
    assert f"aftercommit outbox {command} " in shown
    assert "--data-dir" in shown
    assert "--json" in shown
