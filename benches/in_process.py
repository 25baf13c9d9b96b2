"""S2: call the CRUD functions in one process, compared with replaying their SQL through one psycopg connection."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.crud.deployments.upsert import upsert_deployment
from app.crud.deployments.writing import update_deployment
from app.schemas.deployments import DeploymentCreate, DeploymentUpdate
from benches.bodies import deploy_background, deployment, open_registry
from benches.line import Line, at_least, compared
from benches.rig import OURS, Rig
from benches.synthetic import connect
from tests.acceptance.stack import Stack

OF_LIMIT: Final = 0.6
LIMIT: Final = "bare statements"

OF_FLOW: Final = "SELECT id FROM deployment WHERE flow_id = %s"
Call = Callable[[Session], object]
Statement = tuple[str, Any, bool]
"""SQL text, the parameters as passed to psycopg, and whether it is an `executemany` call."""


@dataclass
class Rates:
    """Calls per second, one value per round: of the CRUD functions, and of the bare statements."""

    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    def line(self, name: str) -> Line:
        """Return the line of the table."""
        return compared(name, "1/s", self.ours, {LIMIT: self.bare}, at_least(OF_LIMIT))


def measure_in_process(rig: Rig) -> list[Line]:
    """Measure creations and updates, each with a commit, in turn with their bare statements; in calls per second."""
    port = rig.api_port
    rig.run_workers(0)
    rig.reset_database()
    deploy_background(port)
    flow_id = open_registry(port, "bench").flow_id
    names = [f"bench-{number}" for number in range(rig.plan.calls)]
    bodies = [DeploymentCreate.model_validate(deployment(flow_id, name)) for name in names]
    creations: list[Call] = [_creation(body) for body in bodies]
    creating, updating = Rates(), Rates()
    with rig.other_side_paused(OURS), connect(rig.stack) as connection:
        recorded = _recorded(rig.stack, creations)
        for number in range(1, rig.plan.rounds + 1):
            rig.say(f"round {number} of {rig.plan.rounds}: {rig.plan.calls} creations")
            _reset(connection, flow_id)
            creating.bare.append(_replayed(rig.stack, recorded))
            _reset(connection, flow_id)
            creating.ours.append(_called(rig.stack, creations))
        ids = [row[0] for row in connection.execute(OF_FLOW, [flow_id]).fetchall()]
        _reset(connection)
        recorded = _recorded(rig.stack, _updates(ids, "as recorded"))
        for number in range(1, rig.plan.rounds + 1):
            rig.say(f"round {number} of {rig.plan.rounds}: {rig.plan.calls} updates")
            _reset(connection)
            updating.ours.append(_called(rig.stack, _updates(ids, f"round {number}")))
            _reset(connection)
            updating.bare.append(_replayed(rig.stack, recorded))
        _reset(connection, flow_id)
    rig.forget_doorbells()
    return [creating.line("create"), updating.line("PATCH")]


def _creation(body: DeploymentCreate) -> Call:
    return lambda session: upsert_deployment(session, body)


def _updates(ids: Sequence[UUID], description: str) -> list[Call]:
    body = DeploymentUpdate(description=description)

    def update(id_: UUID) -> Call:
        return lambda session: update_deployment(session, id_, body)

    return [update(id_) for id_ in ids]


def _called(stack: Stack, calls: Sequence[Call]) -> float:
    """Make each call in its own session and commit it, as a request does; return the calls per second."""
    start = perf_counter()
    for call in calls:
        with stack.sessions() as session:
            call(session)
            session.commit()
    return len(calls) / (perf_counter() - start)


def _recorded(stack: Stack, calls: Sequence[Call]) -> list[list[Statement]]:
    """Make the calls and return the statements that each call sent."""
    with _recording(stack) as statements:
        transactions = []
        for call in calls:
            statements.clear()
            _called(stack, [call])
            transactions.append(list(statements))
    return transactions


@contextmanager
def _recording(stack: Stack) -> Iterator[list[Statement]]:
    statements: list[Statement] = []

    def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        statements.append((statement, parameters, many))

    event.listen(stack.engine, "before_cursor_execute", record)
    yield statements
    event.remove(stack.engine, "before_cursor_execute", record)


def _replayed(stack: Stack, transactions: Sequence[Sequence[Statement]]) -> float:
    """Send the statements of each transaction, fetch their results, and commit; return the transactions per second."""
    url = stack.database.url.replace("+psycopg", "")
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection, connection.cursor() as cursor:
        start = perf_counter()
        for statements in transactions:
            for statement, parameters, many in statements:
                # The SQL comes from the product; parameters are passed separately.
                if many:
                    cursor.executemany(statement, parameters)
                else:
                    cursor.execute(statement, parameters)
                    if cursor.description is not None:
                        cursor.fetchall()
            connection.commit()
        return len(transactions) / (perf_counter() - start)


def _reset(connection: psycopg.Connection[Any], flow_id: str | None = None) -> None:
    """Empty the outbox and, with `flow_id`, delete the flow's deployments, so that each round starts equal."""
    connection.execute("TRUNCATE snapshot")
    if flow_id is not None:
        connection.execute("DELETE FROM deployment WHERE flow_id = %s", [flow_id])
    connection.execute("VACUUM ANALYZE deployment")
    connection.execute("CHECKPOINT")
