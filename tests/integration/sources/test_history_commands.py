"""`history`, `--at`, `diff` and `events list` know the resources of attached sources."""

import json

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import app
from app.errors import AppError, InvalidRequest, NotFound, NotSupported
from tests.integration.sources.attached import Attached

ORDER = "INSERT INTO orders (number, title, customer_code) VALUES (1, 'Bread', 'c1')"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "160"})


def output(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def error_of(*arguments: str) -> AppError:
    result = run(*arguments)
    assert isinstance(result.exception, AppError), result.output
    return result.exception


def operations(*arguments: str) -> list[str]:
    """Return the operations that `history` shows, newest first."""
    rows = [json.loads(line) for line in output("history", *arguments, "--json").splitlines()]
    return [row["event"].removeprefix("aftercommit.") for row in rows]


@pytest.fixture
def attached(attached: Attached) -> Attached:
    """The application with an order of its customer, which was changed once."""
    attached.run(ORDER, "INSERT INTO order_line (order_number, article) VALUES (1, 'flour')")
    attached.run("UPDATE orders SET state = 'paid'")
    return attached


@pytest.mark.parametrize(
    "name", ["shop:Bread", "shop:order:Bread", "shop:Ada/Bread", "shop:order:Ada/Bread", "aftercommit.shop.order.1"]
)
def test_a_resource_is_found_by_its_name_that_of_its_owner_and_its_id(attached: Attached, name: str) -> None:
    assert operations(name) == ["order.updated", "order.created"]


def test_a_history_shows_the_name_as_it_can_be_typed(attached: Attached) -> None:
    shown = output("history", "shop:Bread")

    assert "aftercommit.shop.order.1 shop:Bread: alive, revision 2" in shown
    assert "paid" in shown


def test_a_deleted_resource_is_found(attached: Attached) -> None:
    attached.run("DELETE FROM orders")

    assert operations("shop:Bread") == ["order.deleted", "order.updated", "order.created"]
    assert run("history", "shop:Bread", "--at", "now").exit_code == 3


def test_a_resource_is_found_by_its_first_name_and_by_its_last(attached: Attached) -> None:
    attached.run("UPDATE orders SET title = 'Rolls'")

    assert len(operations("shop:Bread")) == 3
    assert len(operations("shop:Rolls")) == 3


def test_the_state_at_a_time_is_rebuilt(attached: Attached) -> None:
    created = next(event for event in attached.log() if event.event == "aftercommit.order.created")

    then = json.loads(output("history", "shop:Bread", "--at", created.occurred.isoformat(), "--json"))
    now = json.loads(output("history", "shop:Bread", "--at", "now", "--json"))

    assert (then["fields"]["state"], now["fields"]["state"]) == ("open", "paid")
    assert [line["article"] for line in now["fields"]["lines"]] == ["flour"]
    assert now["unknown"] == {}
    assert (now["kind"], now["resource"], now["revision"]) == ("order", "aftercommit.shop.order.1", 2)


def test_a_resource_that_went_unseen_does_not_exist_after_that(attached: Attached) -> None:
    attached.shop.run("TRUNCATE orders CASCADE")
    attached.run(ORDER)

    assert operations("shop:Bread")[:2] == ["order.created", "order.resynced"]
    resynced = attached.log()[-2]
    assert run("history", "shop:Bread", "--at", resynced.occurred.isoformat()).exit_code == 3


def test_two_revisions_are_compared(attached: Attached) -> None:
    changes = json.loads(output("diff", "shop:Bread", "1", "2", "--json"))["changes"]

    assert changes == {"state": {"from": "open", "to": "paid"}}


def test_a_name_of_several_kinds_needs_its_kind(attached: Attached) -> None:
    attached.run("INSERT INTO crm.customer (code, full_name) VALUES ('c2', 'Bread')")

    error = error_of("history", "shop:Bread")

    assert isinstance(error, InvalidRequest)
    assert "Write shop:customer:Bread or shop:order:Bread." in str(error)
    assert operations("shop:customer:Bread") == ["customer.created"]


def test_a_resource_of_a_source_is_not_restored(attached: Attached) -> None:
    error = error_of("history", "shop:Bread", "--restore", "1")

    assert isinstance(error, NotSupported)
    assert "never changes it" in str(error)


def test_an_unknown_name_is_reported(attached: Attached) -> None:
    assert isinstance(error_of("history", "shop:Nothing"), NotFound)
    assert isinstance(error_of("history", "aftercommit.shop.order.77"), NotFound)
    assert run("history", "nowhere:Bread").exit_code == 2


def test_events_are_listed_by_source(attached: Attached) -> None:
    lines = output("events", "list", "--source", "shop").splitlines()

    assert len(lines) == 3
    assert "shop:Bread" in lines[0]
    assert output("events", "list", "--source", "other") == ""
