"""The triggers that attaching installs write down every change that counts, and do no harm."""

import pytest

from app.sources.installation import UNINSTALL, install_sql
from tests.integration.sources.shop import Shop, shop_profile

CAPTURED = "SELECT relation, operation FROM aftercommit.row_change ORDER BY seq"


@pytest.fixture
def captured(shop: Shop) -> Shop:
    """The application, with the triggers on its tables and a customer from before."""
    shop.run("INSERT INTO crm.customer (code, full_name) VALUES ('c1', 'Ada')", install_sql(shop_profile()))
    return shop


def test_each_change_is_written_down_with_the_row_before_and_after(captured: Shop) -> None:
    captured.run("UPDATE crm.customer SET full_name = 'Ada L.'", "DELETE FROM crm.customer")

    rows = captured.read("SELECT operation, old ->> 'full_name', new ->> 'full_name' FROM aftercommit.row_change")
    assert rows == [("UPDATE", "Ada", "Ada L."), ("DELETE", "Ada L.", None)]


def test_noise_does_not_fire_a_trigger(captured: Shop) -> None:
    captured.run("UPDATE crm.customer SET seen = now()", "UPDATE crm.customer SET full_name = full_name")

    assert captured.read(CAPTURED) == []


def test_a_change_that_is_rolled_back_leaves_nothing(captured: Shop) -> None:
    with captured.session() as connection:
        connection.execute("UPDATE crm.customer SET full_name = 'Eve'")
        connection.rollback()

    assert captured.read(CAPTURED) == []


def test_rows_that_a_foreign_key_deletes_are_captured(captured: Shop) -> None:
    captured.run(
        "INSERT INTO orders (number, title, customer_code) VALUES (1, 'a', 'c1')",
        "INSERT INTO order_line (order_number, article) VALUES (1, 'pen')",
    )
    captured.run("DELETE FROM crm.customer")

    deleted = [relation for relation, operation in captured.read(CAPTURED) if operation == "DELETE"]
    assert sorted(deleted) == ["crm.customer", "order_line", "orders"]


def test_the_owner_can_drop_and_change_columns_with_the_triggers_in_place(captured: Shop) -> None:
    captured.run("ALTER TABLE crm.customer DROP COLUMN seen", "ALTER TABLE crm.customer ALTER code TYPE varchar(20)")
    captured.run("ALTER TABLE crm.customer ADD COLUMN age integer", "UPDATE crm.customer SET age = 3")

    assert captured.read(CAPTURED) == [("crm.customer", "UPDATE")]


def test_equal_values_have_equal_texts_whatever_the_settings_of_the_session(captured: Shop) -> None:
    captured.run("INSERT INTO orders (number, title, due) VALUES (1, 'a', '2026-12-01T12:00Z')")
    captured.run("SET timezone = 'Asia/Tokyo'", "UPDATE orders SET title = 'b'")

    (texts,) = captured.read("SELECT array_agg(DISTINCT new ->> 'due') FROM aftercommit.row_change")
    assert texts == (["2026-12-01T12:00:00+00:00"],)


def test_a_role_that_may_write_needs_no_right_in_our_schema(captured: Shop) -> None:
    captured.run(
        "CREATE ROLE aftercommit_test_clerk",
        "GRANT USAGE ON SCHEMA crm TO aftercommit_test_clerk",
        "GRANT SELECT, UPDATE ON crm.customer TO aftercommit_test_clerk",
    )
    try:
        captured.run("SET ROLE aftercommit_test_clerk", "UPDATE crm.customer SET full_name = 'Bob'")
    finally:
        captured.run("DROP OWNED BY aftercommit_test_clerk", "DROP ROLE aftercommit_test_clerk")

    assert captured.read(CAPTURED) == [("crm.customer", "UPDATE")]


def test_a_change_fails_if_it_cannot_be_captured(captured: Shop) -> None:
    captured.run("DROP TABLE aftercommit.row_change")

    with pytest.raises(Exception, match="row_change"):
        captured.run("UPDATE crm.customer SET full_name = 'Bob'")


def test_with_never_fail_a_change_that_cannot_be_captured_leaves_a_gap(shop: Shop) -> None:
    shop.run(install_sql(shop_profile(), never_fail=True))
    shop.run("ALTER TABLE aftercommit.row_change ADD CHECK (new IS NULL)")

    shop.run("INSERT INTO crm.customer (code, full_name) VALUES ('c1', 'Ada')")

    assert shop.read(CAPTURED) == [("crm.customer", "GAP")]


def test_with_never_fail_noise_is_not_captured_either(shop: Shop) -> None:
    shop.run("INSERT INTO crm.customer (code, full_name) VALUES ('c1', 'Ada')")
    shop.run(install_sql(shop_profile(), never_fail=True))

    shop.run("UPDATE crm.customer SET seen = now()")

    assert shop.read(CAPTURED) == []


def test_removing_it_leaves_nothing_behind(captured: Shop) -> None:
    captured.run(UNINSTALL)

    assert captured.read("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'aftercommit%'") == [(0,)]
    captured.run("UPDATE crm.customer SET full_name = 'Bob'")
