"""`--check` names what of a profile does not fit a database."""

from sqlalchemy import make_url

from app.sources.checking import Misfits, check_profile, check_rights
from app.sources.foreign import connect, transaction
from app.sources.profile import Profile
from tests.integration.sources.shop import Shop, shop_profile


def check(shop: Shop, profile: Profile | None = None) -> Misfits:
    with connect(make_url(shop.url)) as connection, transaction(connection):
        return check_profile(connection, profile or shop_profile())


def test_a_profile_that_fits_has_no_problem(shop: Shop) -> None:
    assert check(shop) == Misfits((), ())


def test_a_missing_table_is_named(shop: Shop) -> None:
    shop.run("DROP TABLE order_line")

    assert check(shop).problems == ("There is no table order_line.",)


def test_missing_columns_are_named_also_those_of_noise(shop: Shop) -> None:
    shop.run("ALTER TABLE orders DROP COLUMN total", "ALTER TABLE orders DROP COLUMN touched")

    assert check(shop).problems == ("orders has no column total.", "orders has no column touched.")


def test_a_view_is_no_table(shop: Shop) -> None:
    shop.run("ALTER TABLE order_line RENAME TO lines", "CREATE VIEW order_line AS SELECT * FROM lines")

    assert check(shop).problems == ("order_line is a view, which can have no such triggers.",)


def test_a_key_must_be_unique(shop: Shop) -> None:
    shop.run(
        "ALTER TABLE order_line DROP CONSTRAINT order_line_pkey",
        "CREATE UNIQUE INDEX ON order_line (line) WHERE amount > 1",
        "CREATE UNIQUE INDEX ON order_line (line, article)",
    )

    assert check(shop).problems == (
        "The column line does not identify the rows of order_line: it must be unique and NOT NULL.",
    )


def test_a_json_column_is_a_warning(shop: Shop) -> None:
    shop.run("ALTER TABLE orders ADD COLUMN extra json")

    misfits = check(shop)
    assert misfits.problems == ()
    assert [warning.partition(" ")[0] for warning in misfits.warnings] == ["orders.extra"]


def test_the_rights_that_a_role_lacks_are_named(shop: Shop) -> None:
    shop.run("CREATE ROLE aftercommit_test_guest", "GRANT SELECT ON orders TO aftercommit_test_guest")
    try:
        with connect(make_url(shop.url)) as connection, transaction(connection):
            connection.execute("SET LOCAL ROLE aftercommit_test_guest")
            missing = check_rights(connection, shop_profile())
    finally:
        shop.run("DROP OWNED BY aftercommit_test_guest", "DROP ROLE aftercommit_test_guest")

    assert missing == (
        "It may not create a schema in this database.",
        "It lacks SELECT and TRIGGER on crm.customer.",
        "It lacks TRIGGER on orders.",
        "It lacks SELECT and TRIGGER on order_line.",
    )
