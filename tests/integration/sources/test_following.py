"""Each committed change of an attached source becomes one event, in order, and nothing else does."""

import json

import pytest

from app.settings import Settings
from tests.integration.sources.attached import Attached

ORDER = "INSERT INTO orders (number, title, customer_code) VALUES (1, 'first', 'c1')"
LINES = "INSERT INTO order_line (order_number, article, amount) VALUES (1, 'pen', 2), (1, 'ink', 1)"


def test_what_exists_is_observed_once(attached: Attached) -> None:
    assert attached.told() == ["customer.c1 observed"]
    assert attached.follow() == 0

    (event,) = attached.log()
    assert event.revision == 1
    assert event.payload["fields"]["full_name"] == "Ada"


def test_an_order_with_its_lines_is_one_resource_and_one_event(attached: Attached) -> None:
    attached.run(ORDER, LINES)

    assert attached.told(1) == ["order.1 created"]
    event = attached.log()[-1]
    assert [line["article"] for line in event.payload["fields"]["lines"]] == ["ink", "pen"]
    assert event.payload["fields"]["lines"][0].keys() == {"article", "amount", "options"}


def test_an_event_names_its_source_its_relations_and_no_actor(attached: Attached) -> None:
    attached.run(ORDER)

    event = attached.log()[-1]
    assert event.event == "aftercommit.order.created"
    assert event.resource == {
        "prefect.resource.id": "aftercommit.shop.order.1",
        "prefect.resource.name": "first",
        "shop.state": "open",
        "aftercommit.source": "shop",
        "aftercommit.actor": "unknown",
        "aftercommit.revision": "1",
    }
    assert event.related == [
        {
            "prefect.resource.id": "aftercommit.shop.customer.c1",
            "prefect.resource.name": "Ada",
            "prefect.resource.role": "customer",
        },
        {
            "prefect.resource.id": "aftercommit.unknown",
            "prefect.resource.name": "unknown",
            "prefect.resource.role": "actor",
        },
    ]


def test_a_change_tells_what_was_before_and_after(attached: Attached) -> None:
    attached.run(ORDER, LINES)

    attached.run(
        "UPDATE orders SET state = 'paid', total = 3.50", "UPDATE order_line SET amount = 5 WHERE article = 'ink'"
    )

    updates = attached.updates()
    assert updates.keys() == {"state", "total", "lines"}
    assert updates["state"] == ("open", "paid")


def test_a_change_of_a_line_alone_is_a_change_of_the_order(attached: Attached) -> None:
    attached.run(ORDER, LINES)

    attached.run("DELETE FROM order_line WHERE article = 'ink'")

    assert attached.told(2) == ["order.1 updated"]
    assert [line["article"] for line in attached.updates()["lines"][1]] == ["pen"]


def test_lines_that_are_deleted_and_made_anew_are_no_change(attached: Attached) -> None:
    attached.run(ORDER, LINES)

    for _ in range(3):
        attached.run("DELETE FROM order_line", LINES)

    assert attached.told(1) == ["order.1 created"]
    attached.run("UPDATE order_line SET amount = 9 WHERE article = 'pen'")
    assert attached.told(2) == ["order.1 updated"]


def test_what_a_transaction_undoes_itself_is_no_change(attached: Attached) -> None:
    attached.run("UPDATE crm.customer SET full_name = 'Eve'", "UPDATE crm.customer SET full_name = 'Ada'")
    attached.run(ORDER, "DELETE FROM orders")

    assert attached.told(1) == []
    assert attached.waiting() == 0


def test_a_transaction_that_changes_a_row_twice_is_one_event(attached: Attached) -> None:
    attached.run("UPDATE crm.customer SET full_name = 'Eve'", "UPDATE crm.customer SET full_name = 'Bob'")

    assert attached.updates() == {"full_name": ("Ada", "Bob")}


def test_another_order_of_tags_is_no_change_and_the_next_change_starts_from_the_first_order(attached: Attached) -> None:
    attached.run("""UPDATE crm.customer SET groups = '["a", "b"]'""")
    attached.run("""UPDATE crm.customer SET groups = '["b", "a"]'""")
    attached.run("""UPDATE crm.customer SET groups = '["b", "a", "c"]'""")

    assert attached.told(1) == ["customer.c1 updated", "customer.c1 updated"]
    assert attached.updates() == {"groups": (["a", "b"], ["b", "a", "c"])}


def test_a_deletion_deletes_what_a_foreign_key_takes_with_it(attached: Attached) -> None:
    attached.run(ORDER, LINES)

    attached.run("DELETE FROM crm.customer")

    assert sorted(attached.told(2)) == ["customer.c1 deleted", "order.1 deleted"]
    assert attached.log()[-1].payload["fields"]


def test_a_resource_that_comes_back_continues_its_revisions(attached: Attached) -> None:
    attached.run(ORDER, LINES)
    attached.run("DELETE FROM orders")
    attached.run(ORDER)

    assert attached.told(1) == ["order.1 created", "order.1 deleted", "order.1 created"]
    assert attached.log()[-1].revision == 3


def test_a_row_whose_key_changes_is_deleted_and_created(attached: Attached) -> None:
    attached.run("UPDATE crm.customer SET code = 'c2'")

    assert sorted(attached.told(1)) == ["customer.c1 deleted", "customer.c2 created"]


def test_a_line_that_moves_changes_both_orders(attached: Attached) -> None:
    attached.run(ORDER, LINES, "INSERT INTO orders (number, title) VALUES (2, 'second')")

    attached.run("UPDATE order_line SET order_number = 2 WHERE article = 'ink'")

    assert sorted(attached.told(3)) == ["order.1 updated", "order.2 updated"]


def test_a_column_that_the_profile_does_not_name_changes_nothing(attached: Attached) -> None:
    attached.run("ALTER TABLE crm.customer ADD COLUMN age integer DEFAULT 3", "UPDATE crm.customer SET age = 4")

    assert attached.told(1) == []
    attached.run("UPDATE crm.customer SET full_name = 'Bob', age = 5")
    assert attached.updates() == {"full_name": ("Ada", "Bob")}


def test_no_secret_reaches_our_database(attached: Attached, settings: Settings) -> None:
    attached.run("""UPDATE crm.customer SET api_token = 's3cr3t-2', address = '{"phone": "0711", "city": "Ulm"}'""")
    attached.run("UPDATE crm.customer SET api_token = 's3cr3t'")

    first, second, third = attached.log()
    assert second.payload["updates"]["address"]["to"]["city"] == "Ulm"
    assert second.payload["updates"]["address"]["to"]["phone"].keys() == {"$masked"}
    assert third.payload["updates"]["api_token"]["to"] == first.payload["fields"]["api_token"]
    text = json.dumps([event.payload for event in attached.log()])
    assert "s3cr3t" not in text
    assert "0711" not in text


def test_moved_changes_are_deleted_there(attached: Attached) -> None:
    attached.run(ORDER, LINES)

    assert attached.waiting() == 0


def test_many_transactions_are_moved_in_batches(attached: Attached, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.follow.move.TRANSACTIONS", 3)
    for number in range(7):
        attached.shop.run(f"UPDATE crm.customer SET full_name = 'n{number}'")

    assert attached.follow() == 7
    assert [event.payload["updates"]["full_name"]["to"] for event in attached.log()[1:]] == [f"n{n}" for n in range(7)]
