"""Notifications arrive, and an unavailable database does not raise an error in a waiting thread."""

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from app.postgres import listening
from app.postgres.engine import make_engine
from app.postgres.listening import Listener
from app.settings import Settings

CHANNEL = "test_listening"


@pytest.fixture
def listener(engine: Engine) -> Iterator[Listener]:
    with Listener(engine, CHANNEL) as found:
        yield found


def notify(engine: Engine, times: int = 1) -> None:
    with engine.begin() as connection:
        for number in range(times):
            connection.execute(text("SELECT pg_notify(:channel, :number)"), {"channel": CHANNEL, "number": str(number)})


def end_listeners(engine: Engine) -> None:
    """Terminate the listening connection on the server."""
    with engine.begin() as connection:
        ended = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        assert connection.execute(ended).scalars().all() == [True]


def test_a_notification_ends_the_wait(listener: Listener, engine: Engine) -> None:
    timer = threading.Timer(0.1, notify, [engine])
    timer.start()
    begun = time.monotonic()
    assert listener.wait(30)
    assert time.monotonic() - begun < 10
    # The engine must not end before the thread has returned its connection.
    timer.join()


def test_a_notification_before_the_wait_counts(listener: Listener, engine: Engine) -> None:
    notify(engine)
    assert listener.wait(30)


def test_the_wait_ends_after_its_timeout_without_a_notification(listener: Listener) -> None:
    begun = time.monotonic()
    assert not listener.wait(0.2)
    assert 0.2 <= time.monotonic() - begun < 10


def test_a_transaction_that_is_rolled_back_notifies_nobody(listener: Listener, engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_notify(:channel, '1')"), {"channel": CHANNEL})
        connection.rollback()
    assert not listener.wait(0.2)


def test_many_notifications_together_end_one_wait(listener: Listener, engine: Engine) -> None:
    notify(engine, times=50)
    assert listener.wait(30)
    assert not listener.wait(0.2)


def test_after_a_lost_connection_it_listens_again_and_reports_a_possible_gap(
    listener: Listener, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "RETRY_SECONDS", 0.0)
    end_listeners(engine)
    assert not listener.wait(0.2)
    assert listener.wait(0.2)
    notify(engine)
    assert listener.wait(30)


def test_the_wait_ends_after_its_timeout_while_the_database_is_unavailable(settings: Settings) -> None:
    nobody = make_engine(
        settings.model_copy(update={"database_url": "postgresql+psycopg://a:b@127.0.0.1:1/c"}), application_name="test"
    )
    with Listener(nobody, CHANNEL) as listener:
        begun = time.monotonic()
        assert not listener.wait(0.2)
        assert time.monotonic() - begun >= 0.2


def test_it_takes_no_connection_from_the_pool(engine: Engine) -> None:
    before = engine.pool.checkedout()  # type: ignore[attr-defined]  # Only a QueuePool has it.
    with Listener(engine, CHANNEL):
        assert engine.pool.checkedout() == before  # type: ignore[attr-defined]  # Only a QueuePool has it.
