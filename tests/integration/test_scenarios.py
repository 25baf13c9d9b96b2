"""Runs the scenarios with eager tasks."""

from collections.abc import Callable

import pytest

from tests.scenarios import SCENARIOS
from tests.world import World


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_scenario_holds_with_eager_tasks(scenario: Callable[[World], None], world: World) -> None:
    scenario(world)
