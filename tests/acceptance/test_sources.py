"""A real worker and beat follow an attached database. The worker is killed again and again."""

import psycopg
import pytest
from sqlalchemy import make_url, select
from sqlalchemy.orm import Session

from app.models import EventRow
from app.sources.attaching import Request, attach
from tests.acceptance.stack import Stack
from tests.databases import administer, with_database
from tests.integration.sources.attached import assert_chains
from tests.integration.sources.shop import PROFILE, Shop
from tests.waiting import wait_until
from tests.world import assert_audit_is_clean

KILLS = 4
CHANGES = 30


def told(session: Session) -> list[EventRow]:
    of_sources = EventRow.resource.expression.has_key("aftercommit.source")
    return list(session.scalars(select(EventRow).where(of_sources).order_by(EventRow.position)))


@pytest.mark.slow
def test_each_change_of_a_source_is_told_once_while_its_worker_is_killed(stack: Stack) -> None:
    administer(stack.database.url, "CREATE DATABASE foreign_shop")
    shop = Shop(with_database(stack.database.url, "foreign_shop"))
    shop.create()
    shop.run("INSERT INTO orders (number, title) VALUES (1, 'first')")
    attach(stack.sessions, Request("shop", shop.address, PROFILE.read_text()), stack.settings)
    worker = stack.start_worker(source_interval="0.2")
    stack.start_beat(source_interval="0.2")

    def count() -> int:
        with stack.sessions() as session:
            return len(told(session))

    wait_until(lambda: count() == 1, "the order to be observed")
    for kill in range(KILLS):
        with psycopg.connect(make_url(shop.address).render_as_string(hide_password=False)) as connection:
            for number in range(CHANGES):
                connection.execute(f"UPDATE orders SET title = '{kill}/{number}'".encode())
                connection.commit()
        worker.kill()
        worker.start()
    wait_until(lambda: count() >= 1 + KILLS * CHANGES, "all changes to be told", timeout=60)
    wait_until(
        lambda: shop.read("SELECT count(*) FROM aftercommit.row_change") == [(0,)], "what was moved to be deleted"
    )

    with stack.sessions() as session:
        events = told(session)
    assert [event.payload["updates"]["title"]["to"] for event in events[1:]] == [
        f"{kill}/{number}" for kill in range(KILLS) for number in range(CHANGES)
    ]
    assert_chains(events)
    assert_audit_is_clean(stack.sessions)
