"""The tasks: beat rings for each source that is due, and a failure of one is stored and does not stop the others."""

import pytest
from sqlalchemy import update

from app.broker import doorbells
from app.broker.contract import SOURCES
from app.models import Source
from app.settings import Settings
from tests.integration.sources.attach_command import run, run_json, run_successfully
from tests.integration.sources.attached import Attached
from workers.follow.turns import due_sources

UPDATE = "UPDATE crm.customer SET full_name = full_name || '!'"


def ring(settings: Settings) -> None:
    """Run the task as beat does; the tasks that it sends run at once."""
    assert doorbells.celery(settings).signature(SOURCES).apply_async().successful()


def due(attached: Attached) -> list[str]:
    with attached.sessions() as session:
        return [name for _, name in due_sources(session)]


def test_beat_moves_the_changes_of_all_sources(attached: Attached, settings: Settings) -> None:
    attached.shop.run(UPDATE)

    ring(settings)

    assert attached.told(1) == ["customer.c1 updated"]


def test_a_paused_source_is_left_alone_until_it_is_resumed(attached: Attached, settings: Settings) -> None:
    run_successfully("pause", "shop")
    attached.shop.run(UPDATE)
    ring(settings)
    assert attached.told(1) == []
    assert due(attached) == []
    assert attached.follow() == 0

    run_successfully("resume", "shop")
    ring(settings)

    assert attached.told(1) == ["customer.c1 updated"]


def test_a_detached_source_is_not_rung_for(attached: Attached) -> None:
    assert due(attached) == ["shop"]
    run_successfully("detach", "shop")
    assert due(attached) == []


def test_a_failure_is_shown_and_tried_again_later(attached: Attached, settings: Settings) -> None:
    attached.shop.run("ALTER SCHEMA aftercommit RENAME TO hidden")
    ring(settings)

    (row,) = run_json("ls")
    assert "Nothing is installed" in row["error"]
    assert row["failing_since"] is not None
    assert due(attached) == []
    assert run("status", "shop").exit_code == 1
    attached.shop.run("ALTER SCHEMA hidden RENAME TO aftercommit")


def test_a_source_that_works_again_forgets_its_failure(attached: Attached, settings: Settings) -> None:
    attached.shop.run("ALTER SCHEMA aftercommit RENAME TO hidden")
    ring(settings)
    attached.shop.run("ALTER SCHEMA hidden RENAME TO aftercommit", UPDATE)

    attached.follow()

    source = attached.source()
    assert (source.failures, source.error, source.failing_since, source.retry_at) == (0, None, None, None)
    assert attached.told(1) == ["customer.c1 updated"]


def test_a_bug_in_a_source_is_stored_without_values(attached: Attached, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("s3cr3t")

    monkeypatch.setattr("workers.follow.opening.make_kind_masker", fail)
    attached.shop.run(UPDATE)

    error = attached.try_to_follow()

    assert error is not None
    assert error.startswith("An unexpected KeyError at ")
    assert "s3cr3t" not in error
    monkeypatch.undo()
    attached.follow()


def test_another_worker_leaves_a_source_that_is_being_followed(attached: Attached) -> None:
    attached.shop.run(UPDATE)
    with attached.sessions.begin() as session:
        session.execute(update(Source).values(batch=Source.batch))
        assert attached.follow() == 0

    assert attached.follow() == 1


def test_two_sources_go_into_one_log_and_their_ids_do_not_collide(attached: Attached, settings: Settings) -> None:
    other = Attached(attached.shop, attached.sessions, settings, name="other")
    run_successfully("detach", "shop")
    other.attach()
    ring(settings)

    assert other.told() == ["customer.c1 observed"]
    assert {event.resource["aftercommit.source"] for event in (*attached.log(), *other.log())} == {"shop", "other"}
