"""The parameters of a chaos run. They are plain data, so a run can be repeated, and a planted bug can bring its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

KILLS: Final = (
    "kill-api",
    "kill-worker",
    "kill-child",
    "kill-beat",
    "kill-broker",
    "kill-database",
)
"""SIGKILL of an API, of a whole worker, of one child of a worker, of beat, of Valkey and of PostgreSQL."""

STOPS: Final = ("hang-api", "hang-worker", "hang-broker", "hang-database")
"""SIGSTOP for some seconds, then SIGCONT."""

RESTARTS: Final = ("restart-api", "restart-worker", "restart-beat", "restart-broker", "restart-database")
"""SIGTERM (SIGINT for PostgreSQL), and a start after the orderly end."""

CUTS: Final = ("cut-database", "cut-broker")
"""pg_terminate_backend of some connections, CLIENT KILL of some connections."""

OTHERS: Final = ("flush-broker", "burst")
"""FLUSHALL of the broker, and so many changes at once that the publisher's queue overflows."""

ALL: Final = KILLS + STOPS + RESTARTS + CUTS + OTHERS


SOURCE_KILLS: Final = ("kill-worker", "kill-child", "kill-beat", "kill-database", "kill-source", "kill-prefect")
"""With a source: SIGKILL of our worker, of one child of it, of beat, of either database and of the Prefect server."""

SOURCE_STOPS: Final = ("hang-worker", "hang-database", "hang-source", "hang-prefect")

SOURCE_RESTARTS: Final = ("restart-worker", "restart-source")

SOURCE_CUTS: Final = ("cut-database", "cut-source")

SOURCE_ALL: Final = SOURCE_KILLS + SOURCE_STOPS + SOURCE_RESTARTS + SOURCE_CUTS


@dataclass(frozen=True)
class Plan:
    """One run. Everything that is random in the driver comes from `seed`."""

    seconds: float
    """How long the clients load it; the quiet after it and the verdict come on top."""
    seed: int
    apis: int = 3
    workers: int = 2
    beats: int = 2
    clients: int = 8
    disruptions: tuple[str, ...] = ALL
    """Which disruptions there are; an empty tuple disrupts nothing."""
    sweep: bool = True
    """Without it no beat is started, so only doorbells ring."""
    bug: str | None = None
    """The planted bug that every role starts with."""
    pause: tuple[float, float] = (0.8, 3.0)
    """The shortest and the longest pause between two disruptions, in seconds."""
    aftermath: float = 0
    """For how many seconds the disruptions go on once the clients have stopped, while the outbox runs dry."""
    ends_without_broker: bool = False
    """Whether the broker is killed at the end of the load, and starts again when the clients have stopped."""
    linger_ms: float = 3.0
    """For how long each API gathers doorbells into one message: long, and a lost message is a lost crowd."""


@dataclass(frozen=True)
class SourcePlan(Plan):
    """One run with a source: a Prefect server with its database, which is not ours."""

    prefect: Path = Path(".prefect/3.8.8")
    """The environment of the Prefect server."""
    writers: int = 6
    """How many connections write in its database, besides the server."""
    rate: float = 120
    """How many transactions all of them begin in a second, at most."""
    disruptions: tuple[str, ...] = SOURCE_ALL
