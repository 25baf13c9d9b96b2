"""The events that an action on a page has caused."""

from dataclasses import dataclass, field

from sqlalchemy import func, select

from app.models import EventRow
from tests.waiting import wait_until
from tests.world import World

STATUSES = (".ready", ".not-ready")


@dataclass
class NewEvents:
    """Reads the log from where it ended before."""

    world: World
    position: int = field(init=False)

    def __post_init__(self) -> None:
        self.skip()

    def skip(self) -> None:
        """Leave out what happened so far."""
        self.world.drain_outbox()
        with self.world.sessions() as session:
            self.position = session.scalars(select(func.coalesce(func.max(EventRow.position), 0))).one()

    def check(self, *expected: str) -> None:
        """Wait for as many events as expected since the last call, then compare them all, in any order.

        Args:
            expected: such as `deployment.updated nightly`. Status changes are left out: they depend on the time.
        """
        wait_until(lambda: len(self._read()) >= len(expected), f"events: {expected}", timeout=20)
        assert sorted(self._read()) == sorted(expected)
        self.skip()

    def _read(self) -> list[str]:
        self.world.drain_outbox()
        statement = select(EventRow).where(EventRow.position > self.position).order_by(EventRow.position)
        with self.world.sessions() as session:
            rows = session.scalars(statement).all()
        return [self._shown(row) for row in rows if not row.event.endswith(STATUSES)]

    def _shown(self, row: EventRow) -> str:
        name = row.resource["prefect.resource.name"].removesuffix(f"-{self.world.token}")
        return f"{row.event.removeprefix('prefect.')} {name}"
