"""`aftercommit attach`: a database is attached as a whole or not at all."""

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.errors import Conflict, InvalidProfile, InvalidRequest, NotAllowed, SourceUnavailable
from app.models import Source
from app.sources.installation import install_sql
from tests.integration.sources.attach_command import error_of, run, run_json, run_successfully
from tests.integration.sources.shop import PROFILE, Shop

pytestmark = pytest.mark.usefixtures("settings")
SHOP = ("--name", "shop", "--profile", str(PROFILE))
TRIGGERS = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'aftercommit%'"


def is_untouched(shop: Shop) -> bool:
    """Return whether nothing of ours is in the database."""
    return shop.read(f"SELECT ({TRIGGERS}) + (SELECT count(*) FROM pg_namespace WHERE nspname = 'aftercommit')") == [
        (0,)
    ]


def sources(sessions: sessionmaker[Session]) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(Source.name)))


def test_attaching_installs_the_triggers_and_the_source_is_listed(shop: Shop) -> None:
    run_successfully(shop.address, *SHOP)

    assert shop.read(TRIGGERS) == [(6,)]
    (row,) = run_json("ls")
    assert (row["name"], row["state"], row["profile"], row["error"]) == ("shop", "attached", "shop", None)


def test_a_dry_run_prints_sql_that_installs_the_same_and_connects_to_nothing(shop: Shop) -> None:
    sql = run_successfully("postgresql://u@127.0.0.1:1/d", *SHOP, "--dry-run").stdout
    assert is_untouched(shop)

    shop.run(sql)

    assert shop.read(TRIGGERS) == [(6,)]


def test_a_check_changes_nothing(shop: Shop, sessions: sessionmaker[Session]) -> None:
    assert run_successfully(shop.address, *SHOP, "--check").stdout == "The profile fits.\n"

    assert is_untouched(shop)
    assert sources(sessions) == []


def test_a_check_names_what_does_not_fit_and_fails(shop: Shop) -> None:
    shop.run("DROP TABLE order_line")

    result = run(shop.address, *SHOP, "--check")

    assert (result.exit_code, result.stdout) == (1, "There is no table order_line.\n")


def test_the_url_is_read_from_standard_input(shop: Shop) -> None:
    run_successfully("-", *SHOP, stdin=f"{shop.address}\n")

    assert [row["name"] for row in run_json("ls")] == ["shop"]


def test_neither_the_database_nor_any_output_shows_the_password(shop: Shop, sessions: sessionmaker[Session]) -> None:
    password = psycopg.conninfo.conninfo_to_dict(shop.address)["password"]
    outputs = [run_successfully(*words).output for words in ((shop.address, *SHOP), ("ls",), ("status", "shop"))]
    outputs.append(run_successfully("status", "shop", "--json").output)

    with sessions() as session:
        row = session.scalars(select(Source)).one()
        stored = [str(getattr(row, column.name)) for column in Source.__table__.columns]

    assert password
    assert [text for text in outputs + stored if str(password) in text] == []
    assert outputs[-1].count("127.0.0.1") == 1


def test_a_second_attach_of_the_same_name_is_refused(shop: Shop) -> None:
    run_successfully(shop.address, *SHOP)

    error = error_of("postgresql://u@127.0.0.1:1/d", *SHOP)

    assert isinstance(error, Conflict)
    assert "A source named shop is attached already, to postgresql://" in str(error)


def test_a_database_is_attached_only_once(shop: Shop, sessions: sessionmaker[Session]) -> None:
    run_successfully(shop.address, *SHOP)

    error = error_of(shop.address, "--name", "other", "--profile", str(PROFILE))

    assert isinstance(error, Conflict)
    assert "attached already" in str(error)
    assert sources(sessions) == ["shop"]


def test_a_missing_table_leaves_nothing_half_done(shop: Shop, sessions: sessionmaker[Session]) -> None:
    shop.run("DROP TABLE order_line")

    error = error_of(shop.address, *SHOP)

    assert isinstance(error, InvalidProfile)
    assert str(error).splitlines() == ["The profile does not fit the database:", "  There is no table order_line."]
    assert is_untouched(shop)
    assert sources(sessions) == []


def test_a_role_without_rights_is_told_which_ones_it_lacks(shop: Shop, sessions: sessionmaker[Session]) -> None:
    shop.run(
        "CREATE ROLE aftercommit_test_poor LOGIN PASSWORD 'poor'", "GRANT SELECT ON orders TO aftercommit_test_poor"
    )
    try:
        error = error_of(shop.address_of("aftercommit_test_poor", "poor"), *SHOP)
    finally:
        shop.run("DROP OWNED BY aftercommit_test_poor", "DROP ROLE aftercommit_test_poor")

    assert isinstance(error, NotAllowed)
    assert "It may not create a schema in this database." in str(error)
    assert "It lacks TRIGGER on orders." in str(error)
    assert is_untouched(shop)
    assert sources(sessions) == []


def test_what_a_dba_installed_for_a_role_is_used_by_it(shop: Shop) -> None:
    shop.run("CREATE ROLE aftercommit_test_reader LOGIN PASSWORD 'reader'")
    try:
        shop.run(
            "GRANT USAGE ON SCHEMA crm TO aftercommit_test_reader",
            run_successfully(shop.address, *SHOP, "--dry-run", "--grant-to", "aftercommit_test_reader").stdout,
        )
        run_successfully(shop.address_of("aftercommit_test_reader", "reader"), *SHOP)
        waiting = run_json("status", "shop")["waiting"]
    finally:
        shop.run("DROP OWNED BY aftercommit_test_reader", "DROP ROLE aftercommit_test_reader")

    assert waiting["row_changes"] == 0


def test_a_table_that_stays_locked_ends_the_attempt_and_leaves_nothing(
    shop: Shop, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sources.foreign.TRIES", 2)
    with shop.session() as writer:
        writer.execute("INSERT INTO orders (number, title) VALUES (1, 'a')")
        error = error_of(shop.address, *SHOP)

    assert "holds a table for long" in str(error)
    assert is_untouched(shop)
    assert sources(sessions) == []


def test_a_failed_installation_leaves_nothing_on_either_side(
    shop: Shop, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "app.sources.attaching.install_sql", lambda *args, **how: f"{install_sql(*args, **how)}; SELECT 1 / 0"
    )

    error = error_of(shop.address, *SHOP)

    assert str(error) == "The database of the source refused a statement: DivisionByZero (22012)."
    assert is_untouched(shop)
    assert sources(sessions) == []


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://u:geheim@h/d",
        "postgresql://u:ge@heim@h/d",
        "postgresql://u:geheim@h",
        "postgresql://u:g@h:x/d",
    ],
)
def test_a_url_that_cannot_be_one_is_refused_and_not_quoted(url: str) -> None:
    error = error_of(url, *SHOP)

    assert isinstance(error, InvalidRequest)
    assert "geheim" not in str(error)
    assert "heim" not in str(error)


def test_an_unknown_option_of_the_url_is_refused(shop: Shop) -> None:
    assert "an option" in str(error_of(f"{shop.address}?colour=red", *SHOP))


def test_a_database_that_does_not_answer_is_reported(sessions: sessionmaker[Session]) -> None:
    assert isinstance(error_of("postgresql://u:geheim@127.0.0.1:1/d", *SHOP), SourceUnavailable)
    assert sources(sessions) == []


@pytest.mark.parametrize("name", ["", "Prod", "a.b", "-a", "a" * 41])
def test_a_name_must_have_the_form_of_a_name(shop: Shop, name: str) -> None:
    assert isinstance(error_of(shop.address, "--name", name, "--profile", str(PROFILE)), InvalidRequest)
    assert is_untouched(shop)
