"""A change that cannot be moved holds up only its own resource, until it succeeds or an operator decides."""

from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.errors import Conflict, NotFound
from app.models import HeldChange
from tests.integration.sources.attach_command import error_of, run, run_json, run_successfully
from tests.integration.sources.attached import Attached
from workers.follow import applying, holding, telling

INSERT = "INSERT INTO crm.customer (code, full_name) VALUES ('c2', 'Bob')"
UPDATE = "UPDATE crm.customer SET full_name = full_name || '!' WHERE code = '{}'"


class Bug:
    """A bug that the changes of one resource meet."""

    def __init__(self, patch: pytest.MonkeyPatch, key: str) -> None:
        """Put it into the product."""
        real = telling.build_event

        def build_event(source: Any, profile: Any, states: Any, told: Any, size_cap: int) -> Any:
            if told.key.key == key and self.is_there:
                raise KeyError("s3cr3t")
            return real(source, profile, states, told, size_cap)

        self.is_there = True
        patch.setattr(applying, "build_event", build_event)


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> Bug:
    """A bug of customer c1."""
    return Bug(monkeypatch, "c1")


def make_due(attached: Attached) -> None:
    """Let the time of the next try come."""
    with attached.sessions.begin() as session:
        session.execute(update(HeldChange).where(HeldChange.attempts > 0).values(next_attempt=func.clock_timestamp()))


def park(attached: Attached, patch: pytest.MonkeyPatch) -> str:
    """Let the last try fail; return the id of the parked change."""
    patch.setattr(holding, "next_delay", lambda *_: None)
    make_due(attached)
    attached.follow()
    (row,) = run_json("held", "shop")
    assert row["parked"] is not None
    return str(row["id"])


def test_other_resources_go_on(attached: Attached, bug: Bug) -> None:
    attached.shop.run(UPDATE.format("c1"))
    attached.shop.run(INSERT)
    attached.follow()
    attached.run(UPDATE.format("c2"))

    assert attached.told(1) == ["customer.c2 created", "customer.c2 updated"]
    assert attached.source().error is None
    bug.is_there = False


def test_in_one_transaction_the_other_resources_go_on(attached: Attached, bug: Bug) -> None:
    attached.run(UPDATE.format("c1"), INSERT)

    assert attached.told(1) == ["customer.c2 created"]


def test_the_changes_of_a_held_resource_follow_in_order_when_the_bug_is_gone(attached: Attached, bug: Bug) -> None:
    attached.run(UPDATE.format("c1"))
    attached.run(UPDATE.format("c1"))
    bug.is_there = False
    attached.run(UPDATE.format("c1"))
    assert attached.told(1) == []
    assert attached.waiting() == 3
    make_due(attached)

    attached.follow()

    assert [event.payload["updates"]["full_name"]["to"] for event in attached.log()[1:]] == ["Ada!", "Ada!!", "Ada!!!"]
    assert attached.waiting() == 0
    assert run_json("held", "shop") == []


def test_a_change_that_the_log_refuses_is_held_alone(attached: Attached) -> None:
    # Too long for an index of our database.
    attached.run(
        "INSERT INTO crm.customer (code, full_name) SELECT string_agg(md5(n::text), ''), 'long'"
        " FROM generate_series(1, 83) AS n",
        INSERT,
    )

    assert attached.told(1) == ["customer.c2 created"]
    (row,) = run_json("held", "shop")
    assert row["error"].startswith("Our database refused: ProgramLimitExceeded 54000")


def test_a_held_change_is_shown_without_values(attached: Attached, bug: Bug) -> None:
    attached.run(UPDATE.format("c1"))
    attached.run(UPDATE.format("c1"))

    (row,) = run_json("held")
    assert (row["source"], row["kind"], row["key"], row["attempts"]) == ("shop", "customer", "c1", 1)
    assert row["error"].startswith("An unexpected KeyError at ")
    assert "s3cr3t" not in row["error"]
    status = run_json("status", "shop")
    assert (status["held"], status["parked"]) == (2, 0)


def test_after_the_last_try_it_is_parked_and_not_tried_again(
    attached: Attached, bug: Bug, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached.run(UPDATE.format("c1"))
    park(attached, monkeypatch)
    bug.is_there = False

    attached.follow()

    assert attached.told(1) == []
    assert run("status", "shop").exit_code == 1


def test_replay_moves_a_parked_change(attached: Attached, bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    attached.run(UPDATE.format("c1"))
    change = park(attached, monkeypatch)
    bug.is_there = False

    run_successfully("replay", change)
    attached.follow()

    assert attached.told(1) == ["customer.c1 updated"]


def test_skip_says_so_and_the_next_change_shows_what_was_skipped(
    attached: Attached, bug: Bug, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached.run(UPDATE.format("c1"))
    change = park(attached, monkeypatch)
    bug.is_there = False

    run_successfully("skip", change, "--reason", "incident 7")
    attached.follow()
    attached.run(UPDATE.format("c1"))

    assert attached.told(1) == ["customer.c1 skipped", "customer.c1 resynced", "customer.c1 updated"]
    assert attached.log()[1].payload["skipped"]["reason"] == "incident 7"
    assert attached.waiting() == 0


def test_a_change_that_is_not_parked_is_neither_replayed_nor_skipped(attached: Attached, bug: Bug) -> None:
    attached.run(UPDATE.format("c1"))
    (row,) = run_json("held")

    assert isinstance(error_of("replay", row["id"]), Conflict)
    assert isinstance(error_of("skip", row["id"], "--reason", "x"), Conflict)
    assert isinstance(error_of("replay", "01a20914-5d54-7537-a2c1-c1878b12b7c9"), NotFound)


def test_a_renamed_key_column_holds_its_kind_until_it_is_named_as_before(attached: Attached) -> None:
    attached.run("INSERT INTO orders (number, title) VALUES (1, 'a')")
    attached.run("ALTER TABLE crm.customer RENAME code TO number", "UPDATE crm.customer SET full_name = 'Bob'")
    attached.run("UPDATE orders SET title = 'b'")
    (row,) = run_json("held")
    assert (row["kind"], row["key"]) == ("customer", None)
    assert row["error"].startswith("A row has no code")
    attached.run("ALTER TABLE crm.customer RENAME number TO code", UPDATE.format("c1"))

    assert attached.told(1) == ["order.1 created", "order.1 updated"]
    with attached.sessions() as session:
        assert session.scalar(select(func.count()).select_from(HeldChange)) == 2


def test_a_skipped_change_whose_resource_is_unknown_leaves_a_gap(
    attached: Attached, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached.run("ALTER TABLE crm.customer RENAME code TO number", "UPDATE crm.customer SET full_name = 'Bob'")
    change = park(attached, monkeypatch)
    run_successfully("skip", change, "--reason", "a migration")

    attached.run("ALTER TABLE crm.customer RENAME number TO code", UPDATE.format("c1"))

    assert [event.event.removeprefix("aftercommit.") for event in attached.log()[1:]] == [
        "source.gap",
        "customer.resynced",
        "customer.updated",
    ]


def test_a_source_with_held_changes_is_detached_only_by_force(attached: Attached, bug: Bug) -> None:
    attached.run(UPDATE.format("c1"))

    assert isinstance(error_of("detach", "shop"), Conflict)
    run_successfully("detach", "shop", "--force")

    assert run_json("held") == []


def test_a_kill_while_changes_are_tried_apart_repeats_nothing(
    attached: Attached, bug: Bug, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    attached.shop.run(INSERT)
    attached.shop.run(UPDATE.format("c1"))
    with monkeypatch.context() as patch:
        patch.setattr(holding.Holds, "fail", kill)
        with pytest.raises(Killed):
            attached.follow()
    assert attached.told(1) == []

    attached.follow()

    assert attached.told(1) == ["customer.c2 created"]
