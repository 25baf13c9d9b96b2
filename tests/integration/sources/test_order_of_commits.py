"""However transactions of the application interleave, each change is moved once, in an order of their commits."""

import threading
from contextlib import ExitStack

from tests.integration.sources.attached import Attached
from tests.waiting import wait_until

ORDER = "INSERT INTO orders (number, title) VALUES (1, 'first')"
LINE = "INSERT INTO order_line (order_number, article) VALUES (1, 'pen')"


def test_a_transaction_that_stays_open_holds_up_only_its_own_changes(attached: Attached) -> None:
    """The gate: nothing of a transaction is read before it is committed, and nothing is skipped because of it."""
    with attached.second_session() as slow:
        slow.execute("INSERT INTO crm.customer (code, full_name) VALUES ('slow', 'Slow')")
        for number in range(3):
            attached.run(f"INSERT INTO crm.customer (code, full_name) VALUES ('f{number}', 'Fast')")
        assert attached.told(1) == [f"customer.f{number} created" for number in range(3)]
        slow.commit()
    attached.follow()

    assert attached.told(4) == ["customer.slow created"]


def test_a_transaction_with_a_low_number_that_commits_late_is_not_skipped(attached: Attached) -> None:
    """Its xid and its `seq` are below those that were moved already."""
    with ExitStack() as sessions:
        open_ones = [sessions.enter_context(attached.second_session()) for _ in range(4)]
        for number, session in enumerate(open_ones):
            session.execute(f"INSERT INTO crm.customer (code, full_name) VALUES ('c{number + 10}', 'x')".encode())
        for number in (2, 0, 3, 1):
            open_ones[number].commit()
            attached.follow()

    assert attached.told(1) == [f"customer.c{number + 10} created" for number in (2, 0, 3, 1)]
    assert attached.waiting() == 0


def test_of_two_transactions_the_one_that_waited_for_a_row_comes_second(attached: Attached) -> None:
    """A has the lower xid and the first `seq`. But B commits its change of the line before A changes the same line."""
    attached.run(ORDER, LINE)
    with attached.second_session() as a:
        a.execute("UPDATE orders SET state = 'by a'")
        with attached.second_session() as b:
            b.execute("UPDATE order_line SET amount = 2")
        a.execute("UPDATE order_line SET amount = 3")
    attached.follow()

    first, second = attached.log()[-2:]
    assert first.payload["updated_fields"] == ["lines"]
    assert second.payload["updated_fields"] == ["lines", "state"]
    assert second.payload["updates"]["lines"]["from"][0]["amount"] == 2
    assert "resynced" not in " ".join(attached.told())


def test_a_parent_and_a_child_that_are_changed_side_by_side_are_two_changes(attached: Attached) -> None:
    attached.run(ORDER, LINE)
    with attached.second_session() as a, attached.second_session() as b:
        a.execute("UPDATE orders SET state = 'by a'")
        b.execute("UPDATE order_line SET amount = 2")
        b.commit()
        attached.follow()
        a.commit()
    attached.follow()

    assert [event.payload["updated_fields"] for event in attached.log()[-2:]] == [["lines"], ["state"]]


def test_a_savepoint_that_is_rolled_back_leaves_only_the_rest(attached: Attached) -> None:
    attached.run(
        ORDER,
        "SAVEPOINT s",
        "UPDATE orders SET state = 'gone'",
        "ROLLBACK TO s",
        "UPDATE orders SET total = 2",
    )

    assert attached.told(1) == ["order.1 created"]
    assert attached.log()[-1].payload["fields"]["state"] == "open"


def test_times_grow_within_a_resource_even_if_the_clock_there_is_set_back(attached: Attached) -> None:
    attached.shop.run("ALTER TABLE aftercommit.row_change ALTER at SET DEFAULT '2020-01-01'")

    attached.run("UPDATE crm.customer SET full_name = 'Eve'")
    attached.run("UPDATE crm.customer SET full_name = 'Bob'")

    times = [event.occurred for event in attached.log()]
    assert times == sorted(set(times))


def test_while_writers_work_and_workers_follow_nothing_is_lost_or_told_twice(attached: Attached) -> None:
    attached.run(ORDER, LINE)
    done = threading.Event()

    def write(writer: int) -> None:
        with attached.second_session() as session:
            for number in range(20):
                session.execute(f"UPDATE orders SET state = '{writer}/{number}'".encode())
                session.execute(f"UPDATE order_line SET amount = {writer * 100 + number}".encode())
                session.commit()

    def keep_following() -> None:
        while not done.is_set():
            attached.follow()

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    workers = [threading.Thread(target=keep_following) for _ in range(2)]
    for thread in (*writers, *workers):
        thread.start()
    for thread in writers:
        thread.join()
    wait_until(lambda: attached.waiting() == 0, "all changes to be moved")
    done.set()
    for thread in workers:
        thread.join()

    assert attached.told(2) == ["order.1 updated"] * 60
