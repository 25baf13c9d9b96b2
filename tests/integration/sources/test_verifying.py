"""A verification finds what passed by the triggers, and takes no change that is on its way for a difference."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import func, text, update

from app.broker import doorbells
from app.broker.contract import SOURCES
from app.errors import Conflict, NotFound, SourceUnavailable, Unavailable
from app.models import HeldChange, Source, SourceVerification
from app.settings import Settings
from app.sources.verification import Verification, read_verification, request_verification
from tests.integration.sources.attach_command import error_of, run, run_json, run_successfully
from tests.integration.sources.attached import Attached
from workers.follow import applying, states

BYPASS = "SET LOCAL session_replication_role = replica"
ORDERS = (
    "INSERT INTO orders (number, title) SELECT n, 'order ' || n FROM generate_series(1, 7) AS n",
    "INSERT INTO order_line (order_number, article) SELECT n, 'pen' FROM generate_series(1, 7) AS n",
)


def verify(attached: Attached) -> Verification:
    """Ask for a verification, let a worker do it, and return it."""
    with attached.sessions.begin() as session:
        request_verification(session, attached.settings, attached.name)
    while True:
        attached.follow()
        with attached.sessions() as session:
            verification = read_verification(session, attached.name)
        if verification.finished is not None:
            return verification


@contextmanager
def a_worker(attached: Attached) -> Iterator[None]:
    """Follow the source in a thread, until the block ends."""
    stop = Event()

    def work() -> None:
        while not stop.wait(0.02):
            attached.follow()

    thread = Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


def test_equal_rows_are_no_difference_and_change_nothing(attached: Attached) -> None:
    attached.run(*ORDERS)
    told = attached.told()
    with attached.sessions() as session:
        before = session.execute(text("SELECT key, xmin FROM source_resource ORDER BY key")).all()

    verification = verify(attached)

    assert (verification.found, verification.compared) == (0, 8)
    assert attached.told() == told
    with attached.sessions() as session:
        assert session.execute(text("SELECT key, xmin FROM source_resource ORDER BY key")).all() == before


@pytest.mark.parametrize("stretch", [1, 3, 100])
def test_each_difference_is_told_once(attached: Attached, monkeypatch: pytest.MonkeyPatch, stretch: int) -> None:
    monkeypatch.setattr("workers.follow.verifying.RESOURCES", stretch)
    attached.run(*ORDERS)
    told = len(attached.log())
    attached.shop.run(
        BYPASS,
        "UPDATE orders SET title = 'unseen' WHERE number = 1",
        "UPDATE order_line SET amount = 7 WHERE order_number = 3",
        "DELETE FROM orders WHERE number IN (5, 7)",
        "DELETE FROM order_line WHERE order_number IN (5, 7)",
        "INSERT INTO orders (number, title) VALUES (0, 'new'), (60, 'new')",
        "INSERT INTO order_line (order_number, article) VALUES (60, 'pen')",
    )

    verification = verify(attached)

    numbers = [0, 1, 3, 5, 60, 7]
    assert sorted(attached.told(told)) == [f"order.{number} resynced" for number in numbers]
    assert verification.found == 6
    shown = {one.resource.rpartition(".")[2]: (one.exists, one.fields) for one in verification.differences}
    assert shown["1"] == (True, ("title",))
    assert shown["3"] == (True, ("lines",))
    assert shown["5"][0] is False
    assert shown["60"][0] is True
    assert [one.event for one in verification.differences] == [event.id for event in attached.log()[told:]]
    assert verify(attached).found == 0


def test_a_truncated_table_is_found(attached: Attached) -> None:
    attached.shop.run("TRUNCATE crm.customer CASCADE")

    assert verify(attached).found == 1
    assert attached.told(1) == ["customer.c1 resynced"]


def test_a_key_that_sorts_differently_by_language_is_compared_once(
    attached: Attached, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.follow.verifying.RESOURCES", 1)
    codes = ["B", "a", "b", "Z", "ä", "é", "_", "-", "10", "9", "\U0001d11e", "\uffee"]
    attached.run(*(f"INSERT INTO crm.customer (code, full_name) VALUES ('{code}', 'x')" for code in codes))

    verification = verify(attached)

    assert (verification.found, verification.compared) == (0, len(codes) + 1)


def test_a_committed_change_that_was_not_moved_is_no_difference(attached: Attached) -> None:
    attached.run(*ORDERS)
    told = len(attached.log())
    attached.shop.run("UPDATE orders SET title = 'new' WHERE number = 1", "DELETE FROM orders WHERE number = 2")

    assert verify(attached).found == 0
    assert sorted(attached.told(told)) == ["order.1 updated", "order.2 deleted"]


def test_a_change_that_is_not_committed_is_no_difference(attached: Attached) -> None:
    with attached.second_session() as open_transaction:
        open_transaction.execute("UPDATE crm.customer SET full_name = 'Eve'")
        assert verify(attached).found == 0
    attached.follow()

    assert attached.told(1) == ["customer.c1 updated"]


def test_a_resource_whose_change_could_not_be_moved_is_left_out(
    attached: Attached, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = states.apply

    def fail(rules: Any, state: Any, change: Any) -> Any:
        raise KeyError("planted")

    monkeypatch.setattr(applying, "apply", fail)
    attached.run("UPDATE crm.customer SET full_name = 'Bob'")

    assert verify(attached).found == 0

    monkeypatch.setattr(applying, "apply", real)
    with attached.sessions.begin() as session:
        session.execute(update(HeldChange).values(next_attempt=func.clock_timestamp()))
    attached.follow()
    assert attached.told(1) == ["customer.c1 updated"]


def test_while_writers_work_a_verification_finds_nothing(attached: Attached, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.follow.verifying.RESOURCES", 2)
    # Otherwise a turn would last as long as the writer goes on.
    monkeypatch.setattr("workers.follow.move.TURN_SECONDS", 0)
    attached.run(*ORDERS)
    stop = Event()

    def write() -> None:
        with attached.second_session() as connection:
            while not stop.is_set():
                connection.execute("DELETE FROM order_line")
                connection.execute("DELETE FROM orders")
                connection.commit()
                for statement in ORDERS:
                    connection.execute(statement.encode())
                connection.commit()
                connection.execute("UPDATE orders SET title = title || '!'")
                connection.commit()

    writer = Thread(target=write)
    writer.start()
    try:
        found = [verify(attached).found for _ in range(5)]
    finally:
        stop.set()
        writer.join()
    attached.follow()

    assert found == [0, 0, 0, 0, 0]


def test_a_request_in_the_middle_begins_again(attached: Attached, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.follow.verifying.RESOURCES", 1)
    monkeypatch.setattr("workers.follow.move.TURN_SECONDS", 0)
    attached.run(*ORDERS)
    with attached.sessions.begin() as session:
        request_verification(session, attached.settings, "shop")
    for _ in range(3):
        attached.follow()
    attached.shop.run("TRUNCATE crm.customer CASCADE")
    with attached.sessions.begin() as session:
        request_verification(session, attached.settings, "shop")

    monkeypatch.undo()
    attached.follow()

    with attached.sessions() as session:
        verification = read_verification(session, "shop")
    assert {one.resource for one in verification.differences} >= {"aftercommit.shop.customer.c1"}


def test_beat_asks_for_a_verification_when_the_last_one_is_old_enough(attached: Attached, settings: Settings) -> None:
    def ring() -> None:
        assert doorbells.celery(settings).signature(SOURCES).apply_async().successful()

    ring()
    with attached.sessions() as session, pytest.raises(NotFound):
        read_verification(session, "shop")

    with attached.sessions.begin() as session:
        session.execute(update(Source).values(attached=text("attached - interval '1 day'")))
    ring()
    with attached.sessions() as session:
        first = read_verification(session, "shop")
    assert first.finished is not None
    ring()
    with attached.sessions.begin() as session:
        assert read_verification(session, "shop").requested == first.requested
        session.execute(update(SourceVerification).values(requested=text("requested - interval '1 day'")))
    ring()
    with attached.sessions() as session:
        assert read_verification(session, "shop").requested > first.requested


def test_the_command_lists_the_differences_and_fails(attached: Attached) -> None:
    attached.shop.run(BYPASS, "UPDATE crm.customer SET full_name = 'unseen'")

    with a_worker(attached):
        found, again = run("verify", "shop"), run("verify", "shop")

    assert found.exit_code == 1
    assert "aftercommit.shop.customer.c1" in found.stdout
    assert "full_name" in found.stdout
    assert "1 differed" in found.stdout
    assert (again.exit_code, again.stdout) == (0, "Compared 1 resources of shop. Nothing differs.\n")


def test_the_command_prints_json(attached: Attached) -> None:
    attached.shop.run("TRUNCATE crm.customer CASCADE")

    with a_worker(attached):
        result = run("verify", "shop", "--json")

    assert result.exit_code == 1
    row = json.loads(result.stdout)
    assert (row["source"], row["found"], row["compared"]) == ("shop", 1, 0)
    assert row["differences"][0]["exists"] is False
    with a_worker(attached):
        assert run_json("verify", "shop")["differences"] == []


def test_the_command_says_if_no_worker_answers(attached: Attached, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.cli.attach.verifying.PATIENCE_SECONDS", 0.1)

    error = error_of("verify", "shop")

    assert isinstance(error, Unavailable)
    assert "Are beat and a worker running?" in str(error)


def test_a_source_that_fails_or_is_paused_is_not_verified(attached: Attached) -> None:
    attached.shop.run("ALTER SCHEMA aftercommit RENAME TO hidden")
    attached.try_to_follow()
    failing = error_of("verify", "shop")
    attached.shop.run("ALTER SCHEMA hidden RENAME TO aftercommit")
    run_successfully("pause", "shop")

    paused = error_of("verify", "shop")

    assert isinstance(failing, SourceUnavailable)
    assert "Nothing is installed" in str(failing)
    assert isinstance(paused, Conflict)
