"""The triggers take no lock that the changes themselves did not take."""

import threading

import psycopg
import pytest

from tests.integration.sources.attached import Attached

TRANSACTIONS = 10_000
THREADS = 4


@pytest.mark.slow
def test_ten_thousand_crosswise_transactions_have_no_deadlock(attached: Attached) -> None:
    """Each changes the row of one order and the line of another one, the next ones the other way round.

    They share no row. With a lock for each resource, they would.
    """
    attached.shop.run(
        "INSERT INTO orders (number, title) SELECT n, 'x' FROM generate_series(1, 8) AS n",
        "INSERT INTO order_line (order_number, article) SELECT n, 'pen' FROM generate_series(1, 8) AS n",
    )
    failures: list[psycopg.Error] = []
    start = threading.Barrier(THREADS)

    def write(writer: int) -> None:
        # Each thread has two rows of its own, and the other rows of the same two orders are another thread's.
        first, second = (1, 2) if writer % 2 == 0 else (2, 1)
        offset = 2 * (writer // 2)
        with attached.second_session() as session:
            session.execute("SET deadlock_timeout = '50ms'")
            session.commit()
            start.wait()
            for number in range(TRANSACTIONS // THREADS):
                try:
                    session.execute("UPDATE orders SET title = %s WHERE number = %s", (f"{number}", first + offset))
                    session.execute(
                        "UPDATE order_line SET amount = %s WHERE order_number = %s", (number, second + offset)
                    )
                    session.commit()
                except psycopg.Error as error:
                    session.rollback()
                    failures.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert attached.waiting() >= 2 * TRANSACTIONS - 8
    attached.follow()
    assert attached.waiting() == 0
