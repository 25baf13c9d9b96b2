"""S2: the CRUD functions in one process, beside the very statements that they send, through one psycopg connection."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.crud.deployments.writing import update_deployment, upsert_deployment
from app.schemas.deployments import DeploymentCreate, DeploymentUpdate
from benches.bodies import deployment, open_registry, stock
from benches.line import Line, at_least, compared
from benches.rig import OURS, Rig
from benches.synthetic import connect
from tests.acceptance.stack import Stack

OF_LIMIT: Final = 0.6
LIMIT: Final = "bare statements"

OF_FLOW: Final = "SELECT id FROM deployment WHERE flow_id = %s"
Call = Callable[[Session], object]
Statement = tuple[str, Any, bool]
"""A text, its parameters as they went to psycopg, and whether there is a list of them."""


@dataclass
class Rates:
    """Calls in a second, one for each round: through the functions, and the bare statements."""

    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    def line(self, what: str) -> Line:
        """Return the line of the table."""
        return compared(what, "1/s", self.ours, {LIMIT: self.bare}, at_least(OF_LIMIT))


def measure_in_process(rig: Rig) -> list[Line]:
    """Measure creations and updates, each committed, in turn with their bare statements; each in calls a second."""
    port = rig.api_port
    rig.staff(0)
    rig.empty()
    stock(port)
    flow_id = open_registry(port, "bench").flow_id
    names = [f"bench-{number}" for number in range(rig.plan.calls)]
    bodies = [DeploymentCreate.model_validate(deployment(flow_id, name)) for name in names]
    creations: list[Call] = [_creation(body) for body in bodies]
    creating, updating = Rates(), Rates()
    with rig.awake(OURS), connect(rig.stack) as connection:
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
    """Make each call in a session of its own and commit it, as a request does; return how many go in a second."""
    start = perf_counter()
    for call in calls:
        with stack.sessions() as session:
            call(session)
            session.commit()
    return len(calls) / (perf_counter() - start)


def _recorded(stack: Stack, calls: Sequence[Call]) -> list[list[Statement]]:
    """Make the calls and return the statements of each."""
    with _listening(stack) as heard:
        found = []
        for call in calls:
            heard.clear()
            _called(stack, [call])
            found.append(list(heard))
    return found


@contextmanager
def _listening(stack: Stack) -> Iterator[list[Statement]]:
    heard: list[Statement] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        heard.append((statement, parameters, many))

    event.listen(stack.engine, "before_cursor_execute", hear)
    yield heard
    event.remove(stack.engine, "before_cursor_execute", hear)


def _replayed(stack: Stack, transactions: Sequence[Sequence[Statement]]) -> float:
    """Send the statements of each transaction, fetch what they return, and commit; return how many go in a second."""
    url = stack.database.url.replace("+psycopg", "")
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection, connection.cursor() as cursor:
        start = perf_counter()
        for statements in transactions:
            for statement, parameters, many in statements:
                # They are the product's own, with their parameters apart.
                if many:
                    cursor.executemany(statement, parameters)
                else:
                    cursor.execute(statement, parameters)
                    if cursor.description is not None:
                        cursor.fetchall()
            connection.commit()
        return len(transactions) / (perf_counter() - start)


def _reset(connection: psycopg.Connection[Any], flow_id: str | None = None) -> None:
    """Empty the outbox, and delete the flow's deployments too if asked: what is sent again finds what it found."""
    connection.execute("TRUNCATE snapshot")
    if flow_id is not None:
        connection.execute("DELETE FROM deployment WHERE flow_id = %s", [flow_id])
    connection.execute("VACUUM ANALYZE deployment")
    connection.execute("CHECKPOINT")
