"""The log gets one event for each key that expires."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.models import ApiKey
from app.settings import Settings
from tests.integration.acts_in_log import actors, acts
from tests.integration.web.guarded import expire, new_key, revoke
from workers import tasks
from workers.key_expiry import note_expired_keys


def test_an_expired_key_has_one_event_however_often_the_sweep_runs(
    settings: Settings, sessions: sessionmaker[Session]
) -> None:
    new_key(sessions, "ci", expires=datetime.now(UTC) + timedelta(hours=1))
    new_key(sessions, "other")
    tasks.sweep_outbox.apply(throw=True)
    assert acts(sessions) == []
    expire(sessions, "ci")
    for _ in range(3):
        tasks.sweep_outbox.apply(throw=True)
    [event] = acts(sessions)
    assert (event.event, event.resource_id) == ("aftercommit.key.expired", "aftercommit.key.ci")
    assert event.payload.keys() == {"role", "expires", "may_act_for_others"}
    assert actors(event) == ["aftercommit.service.key-expiry"]


def test_of_two_processes_that_notice_the_expiry_one_logs_it(
    settings: Settings, sessions: sessionmaker[Session]
) -> None:
    new_key(sessions, "ci")
    expire(sessions, "ci")
    assert [note_expired_keys(sessions, settings) for _ in range(2)] == [1, 0]


def test_a_key_that_was_revoked_before_does_not_expire(settings: Settings, sessions: sessionmaker[Session]) -> None:
    new_key(sessions, "ci")
    revoke(sessions, "ci")
    expire(sessions, "ci")
    assert note_expired_keys(sessions, settings) == 0


def test_the_database_refuses_an_expiry_that_is_noticed_too_early(
    settings: Settings, sessions: sessionmaker[Session]
) -> None:
    new_key(sessions, "ci")
    noticed = update(ApiKey).values(expiry_noticed=func.clock_timestamp())
    with sessions() as session, pytest.raises(IntegrityError):
        session.execute(noticed)
