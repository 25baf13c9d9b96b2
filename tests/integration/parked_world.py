"""A world with a parked snapshot, and the operator's commands for it."""

import json
from typing import Any

from sqlalchemy import text
from typer.testing import CliRunner, Result

from app.audit.reconcile import reconcile
from app.cli.main import app
from app.errors import AppError
from app.models import SnapshotRow
from tests.integration.outbox_world import OutboxWorld
from workers.retry import ATTEMPTS

ERROR = "ZeroDivisionError: a bug in [red]a kind[/red]"


def run(*arguments: object, group: str = "outbox") -> Result:
    return CliRunner().invoke(app, [group, *map(str, arguments)])


def error_of(*arguments: object) -> AppError:
    """Return the application error that the command ends with; `main` prints it as one line."""
    result = run(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, AppError)
    return result.exception


def as_json(*arguments: object) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def park(world: OutboxWorld, revision: int) -> SnapshotRow:
    """Park every pending snapshot of that revision as a bug would; return the first one."""
    with world.sessions() as session:
        session.execute(
            text(
                "UPDATE snapshot SET attempts = :attempts, deaths = 1, error = :error, parked = now(),"
                " next_attempt = NULL WHERE revision = :revision"
            ),
            {"attempts": ATTEMPTS, "error": ERROR, "revision": revision},
        )
        session.commit()
    return next(row for row in world.pending() if row.revision == revision)


def make_parked(world: OutboxWorld) -> SnapshotRow:
    """Make a deployment with four revisions: the first is an event, the second is parked."""
    (change,) = world.create("nightly")
    world.dispatch_all()
    for version in "234":
        world.update(change, version=version)
    return park(world, 2)


def assert_clean(world: OutboxWorld) -> None:
    with world.sessions() as session:
        found = reconcile(session)
    assert found.is_clean, found.findings
