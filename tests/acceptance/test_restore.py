"""`aftercommit history --restore` in a process of its own: its change reaches the log without the sweep."""

import subprocess

import pytest

from tests.acceptance.stack import Stack
from tests.acceptance.up_process import PROGRAM
from tests.world import World, operations

pytestmark = pytest.mark.slow


def test_the_change_is_dispatched_although_the_process_ends_at_once_and_no_beat_runs(
    stack: Stack, world: World
) -> None:
    stack.start_worker()
    id_ = world.deploy(version="1")
    world.patch(f"/deployments/{id_}", {"version": "2"})
    world.drain_outbox()
    name = f"{world.name('etl')}/{world.name('nightly')}"
    subprocess.run([*PROGRAM, "history", name, "--restore", "1"], env=stack.environment(), check=True, timeout=60)
    life = world.life(id_)
    assert operations(life) == ["created", "updated", "updated"]
    assert life[-1]["payload"]["updates"]["version"] == {"from": "2", "to": "1"}
