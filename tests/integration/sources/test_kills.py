"""A kill of a worker at any moment repeats nothing and skips nothing."""

from collections.abc import Callable

import pytest

from tests.integration.sources.attached import Attached
from workers.follow import move, opening

UPDATE = "UPDATE crm.customer SET full_name = full_name || '!'"


class Killed(BaseException):
    """Stands for the end of the process: no handler of ours catches it, and nothing is committed any more."""


def kill(*_: object, **__: object) -> None:
    raise Killed


def kill_after(function: Callable[..., object]) -> Callable[..., None]:
    def call_and_die(*args: object, **how: object) -> None:
        function(*args, **how)
        raise Killed

    return call_and_die


@pytest.mark.parametrize("moment", ["append", "_advance", "require_known_key"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_in_our_transaction_leaves_the_change_there(
    attached: Attached, monkeypatch: pytest.MonkeyPatch, moment: str, when: str
) -> None:
    attached.shop.run(UPDATE)
    with monkeypatch.context() as patch:
        module = opening if hasattr(opening, moment) else move
        patch.setattr(module, moment, kill if when == "before" else kill_after(getattr(module, moment)))
        with pytest.raises(Killed):
            attached.follow()
    assert attached.told(1) == []
    assert attached.waiting() == 1

    assert attached.follow() == 1

    assert attached.told(1) == ["customer.c1 updated"]
    assert attached.waiting() == 0


def test_a_kill_between_our_commit_and_the_deletion_there_tells_nothing_twice(
    attached: Attached, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached.shop.run(UPDATE)
    with monkeypatch.context() as patch:
        patch.setattr(opening, "delete_listed", kill)
        with pytest.raises(Killed):
            attached.follow()
    assert attached.told(1) == ["customer.c1 updated"]
    assert attached.waiting() == 1

    attached.run(UPDATE)

    assert attached.told(1) == ["customer.c1 updated"] * 2
    assert attached.waiting() == 0


def test_a_transaction_that_commits_between_the_move_and_the_deletion_is_not_deleted_unread(
    attached: Attached, monkeypatch: pytest.MonkeyPatch
) -> None:
    with attached.second_session() as slow:
        slow.execute("INSERT INTO crm.customer (code, full_name) VALUES ('slow', 'Slow')")
        attached.shop.run(UPDATE)
        with monkeypatch.context() as patch:
            patch.setattr(opening, "delete_listed", kill)
            with pytest.raises(Killed):
                attached.follow()
    attached.follow()

    assert attached.told(1) == ["customer.c1 updated", "customer.slow created"]
    assert attached.waiting() == 0


def test_a_kill_between_two_batches_of_one_snapshot_tells_nothing_twice(
    attached: Attached, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(move, "TRANSACTIONS", 2)
    for _ in range(5):
        attached.shop.run(UPDATE)
    with monkeypatch.context() as patch:
        patch.setattr(opening, "delete_listed", kill)
        with pytest.raises(Killed):
            attached.follow()
    assert len(attached.told(1)) == 2
    attached.shop.run(UPDATE)

    attached.follow()

    assert [event.payload["updates"]["full_name"]["to"] for event in attached.log()[1:]] == [
        "Ada" + "!" * number for number in range(1, 7)
    ]


def test_a_kill_while_the_existing_resources_are_stored_observes_them_once(
    attached: Attached, monkeypatch: pytest.MonkeyPatch
) -> None:
    with attached.sessions.begin() as session:
        source = session.merge(attached.source())
        source.moved_until, source.batch = None, 0
    attached.shop.run(
        "UPDATE aftercommit.attachment SET batch = 0", "INSERT INTO orders (number, title) VALUES (1, 'a')"
    )
    with monkeypatch.context() as patch:
        patch.setattr(move, "append", kill)
        with pytest.raises(Killed):
            attached.follow()

    attached.run("UPDATE orders SET title = 'b'")

    assert attached.told(1) == ["order.1 observed"]


def test_the_same_change_always_has_the_same_event_id(attached: Attached, monkeypatch: pytest.MonkeyPatch) -> None:
    attached.shop.run(UPDATE)
    seen = []

    def see_and_die(session: object, events: list[object], **how: object) -> None:
        seen.append(events[0].id)  # type: ignore[attr-defined]
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(move, "append", see_and_die)
        with pytest.raises(Killed):
            attached.follow()
    attached.follow()

    assert seen == [attached.log()[-1].id]
    assert seen[0].version == 7
