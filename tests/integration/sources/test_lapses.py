"""What passes by the triggers is said, never guessed."""

import pytest

from app.settings import Settings
from tests.integration.sources.attach_command import run_successfully
from tests.integration.sources.attached import Attached
from tests.integration.sources.shop import Shop

BYPASS = "SET LOCAL session_replication_role = replica"


def test_a_change_that_passed_by_is_told_before_the_next_one(attached: Attached) -> None:
    attached.shop.run(BYPASS, "UPDATE crm.customer SET full_name = 'unseen'")

    attached.run("UPDATE crm.customer SET full_name = 'Bob'")

    lapse, change = attached.log()[-2:]
    assert (lapse.event, lapse.payload["exists"]) == ("aftercommit.customer.resynced", True)
    assert lapse.payload["updates"] == {"full_name": {"from": "Ada", "to": "unseen"}}
    assert change.payload["updates"] == {"full_name": {"from": "unseen", "to": "Bob"}}


def test_a_creation_that_passed_by_is_told_before_the_next_change(attached: Attached) -> None:
    attached.shop.run(BYPASS, "INSERT INTO crm.customer (code, full_name) VALUES ('c2', 'unseen')")

    attached.run("UPDATE crm.customer SET full_name = 'Bob' WHERE code = 'c2'")

    assert attached.told(1) == ["customer.c2 resynced", "customer.c2 updated"]


def test_a_deletion_that_passed_by_is_told_before_the_next_creation(attached: Attached) -> None:
    attached.shop.run("TRUNCATE crm.customer CASCADE")

    attached.run("INSERT INTO crm.customer (code, full_name) VALUES ('c1', 'Bob')")

    assert attached.told(1) == ["customer.c1 resynced", "customer.c1 created"]
    assert attached.log()[1].payload["exists"] is False


def test_a_line_that_passed_by_is_told_with_the_next_change_of_it(attached: Attached) -> None:
    attached.run("INSERT INTO orders (number, title) VALUES (1, 'a')")
    attached.shop.run(BYPASS, "INSERT INTO order_line (order_number, article) VALUES (1, 'unseen')")

    attached.run("UPDATE order_line SET amount = 7")

    assert attached.told(2) == ["order.1 resynced", "order.1 updated"]


def test_after_detaching_and_attaching_again_only_differences_are_told(attached: Attached) -> None:
    attached.run(
        "INSERT INTO orders (number, title) VALUES (1, 'same'), (2, 'other'), (3, 'gone')",
        "INSERT INTO order_line (order_number, article) VALUES (1, 'pen')",
    )
    told = len(attached.log())
    run_successfully("detach", "shop")
    attached.shop.run(
        "DELETE FROM order_line",
        "INSERT INTO order_line (order_number, article) VALUES (1, 'pen')",
        "UPDATE orders SET title = 'changed' WHERE number = 2",
        "DELETE FROM orders WHERE number = 3",
        "INSERT INTO orders (number, title) VALUES (4, 'new')",
    )

    attached.attach()
    attached.follow()

    assert sorted(attached.told(told)) == ["order.2 resynced", "order.3 resynced", "order.4 observed"]
    attached.run("UPDATE orders SET title = 'again' WHERE number = 2")
    assert attached.told(told)[-1] == "order.2 updated"


def test_a_gap_of_never_fail_is_told(shop: Shop, attached: Attached) -> None:
    shop.run("INSERT INTO aftercommit.row_change (relation, operation) VALUES ('orders', 'GAP')")
    attached.follow()

    (gap,) = [event for event in attached.log() if event.event == "aftercommit.source.gap"]
    assert gap.payload == {"table": "orders"}
    assert gap.resource["aftercommit.source"] == "shop"


def test_changes_from_before_the_first_look_are_part_of_what_is_observed(
    attached: Attached, sessions: object, settings: Settings
) -> None:
    run_successfully("detach", "shop")
    attached.attach()
    with attached.second_session() as slow:
        slow.execute("INSERT INTO crm.customer (code, full_name) VALUES ('slow', 'Slow')")
        attached.shop.run("UPDATE crm.customer SET full_name = 'Eve'")
        attached.follow()
    attached.follow()

    assert attached.told(1) == ["customer.c1 resynced", "customer.slow created"]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("UPDATE aftercommit.attachment SET batch = batch - 2", "is in an older state than the log"),
        ("UPDATE aftercommit.attachment SET source = gen_random_uuid()", "is not the one that was attached"),
        ("DROP SCHEMA aftercommit CASCADE", "Nothing is installed in the database"),
        (
            "CREATE TABLE aftercommit.other (LIKE aftercommit.row_change INCLUDING ALL);"
            "DROP TABLE aftercommit.row_change; ALTER TABLE aftercommit.other RENAME TO row_change",
            "is not the one that was attached",
        ),
    ],
    ids=["older", "of another source", "removed", "copied"],
)
def test_a_database_that_was_replaced_is_reported_and_nothing_is_moved(
    attached: Attached, damage: str, reason: str
) -> None:
    attached.run("UPDATE crm.customer SET full_name = 'Eve'")
    attached.run("UPDATE crm.customer SET full_name = 'Bob'")
    attached.shop.run(damage)

    error = attached.try_to_follow()

    assert error is not None
    assert reason in error
    assert "attach it again" in error
    assert len(attached.log()) == 3
