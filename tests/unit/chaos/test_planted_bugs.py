"""The planted bugs of the chaos selftest still take effect after changes of the product."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from app.local import programs
from app.local.ports import Address
from tests.chaos.planted.__main__ import SIDES
from tests.chaos.planted.patching import NothingToPatch, replace
from tests.chaos.planted.registry import BUGS
from workers import claim

PLANT_EACH = """
import os, sys, traceback
from tests.chaos.planted.__main__ import SIDES, plant
from tests.chaos.planted.registry import BUGS
import app.main, workers.celery, workers.tasks
for bug in BUGS.values():
    module = next(module for module, (side, _) in SIDES.items() if side == bug.side)
    child = os.fork()
    if child == 0:
        try:
            assert plant(bug.name, module)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    print(bug.name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_each_bug_can_be_planted_into_the_current_code() -> None:
    # One process per bug, because a planted bug stays. All fork from one that has imported the product.
    done = subprocess.run([sys.executable, "-c", PLANT_EACH], capture_output=True, text=True, timeout=90, check=False)
    assert done.stdout.split("\n")[:-1] == [f"{name} 0" for name in BUGS], done.stderr


def test_the_launcher_knows_the_modules_of_all_roles(tmp_path: Path) -> None:
    api = programs.api(Address("API", "127.0.0.1", 1, "--port"))
    commands = [api, programs.worker(1), programs.beat(tmp_path)]
    assert {command[command.index("-m") + 1] for command in commands} == set(SIDES)


def _same(original: Any) -> Any:
    return original


@pytest.mark.parametrize(
    ("name", "used_by", "why"),
    [
        ("lock_lane", "workers.dispatch", "has no function"),
        ("BYTES_AT_ONCE", "workers.claim", "has no function"),
        ("lock_lanes", "workers.sweep", "does not call"),
    ],
)
def test_a_patch_that_would_have_no_effect_is_refused(name: str, used_by: str, why: str) -> None:
    with pytest.raises(NothingToPatch, match=why):
        replace("workers.claim", name, _same, used_by=used_by)


def test_a_function_with_a_changed_signature_is_refused() -> None:
    def make(_original: Any) -> Any:
        def lanes_of(session: Session, ids: Sequence[UUID]) -> list[int]:
            return []

        return lanes_of

    original = claim.lanes_of
    with pytest.raises(NothingToPatch, match="the planted function is"):
        replace("workers.claim", "lanes_of", make, used_by="workers.dispatch")
    assert claim.lanes_of is original
