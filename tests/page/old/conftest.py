"""The tests in this folder use the old page, in dark colours. The tests of the new page use light ones."""

import pytest

from tests.page.new_events import NewEvents
from tests.page.visit import Scheme, Ui
from tests.world import World

CRON = [{"slug": "a", "schedule": {"cron": "0 1 * * *", "timezone": "UTC"}, "active": True}]


@pytest.fixture
def ui() -> Ui:
    """The old page."""
    return "v1"


@pytest.fixture
def scheme() -> Scheme:
    """Dark colours."""
    return "dark"


@pytest.fixture
def deployment(world: World, new_events: NewEvents) -> str:
    """A deployment with a schedule, in a work pool."""
    deployment = world.deploy(work_pool_name=world.pool(), schedules=CRON)
    new_events.skip()
    return deployment
