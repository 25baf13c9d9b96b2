"""Many wrong credentials of an address are one event in the log."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker

from app.access import refusals
from app.access.failed_tries import FREE_TRIES
from app.access.refusals import MOST_ADDRESSES, PERIOD_SECONDS, Refusals, record_refusals
from app.log.append import lock_log
from app.settings import Settings, get_settings
from tests.integration.acts_in_log import actors, acts
from tests.integration.web.guarded import api, bearer, new_key, set_up
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer wrong credentials at once."""
    monkeypatch.setattr("app.access.failed_tries.STEP_SECONDS", 0.001)


@pytest.fixture
def client(settings: Settings, sessions: sessionmaker[Session]) -> Iterator[TestClient]:
    new_key(sessions)
    with api(client=("192.0.2.7", 50_000)) as client:
        yield client


def guess(client: TestClient, times: int) -> None:
    for number in range(times):
        assert client.get("/version", headers=bearer(f"ac_guess-{number}")).status_code == 401


def test_few_wrong_credentials_are_no_event_and_many_are_one(
    client: TestClient, sessions: sessionmaker[Session]
) -> None:
    guess(client, FREE_TRIES)
    assert acts(sessions) == []
    guess(client, 10)
    wait_until(lambda: bool(acts(sessions)), "the event")
    client.app.state.credentials.close()  # type: ignore[attr-defined]  # Nothing waits after this.
    [event] = acts(sessions)
    assert (event.event, event.resource_id) == ("aftercommit.credentials.refused", "aftercommit.address.192.0.2.7")
    assert event.payload == {"more_than": FREE_TRIES, "period_seconds": PERIOD_SECONDS}
    assert actors(event) == ["aftercommit.service.access"]
    assert "guess" not in f"{event.resource} {event.related} {event.payload}"


def test_processes_that_refuse_the_same_address_log_one_event_for_all(
    settings: Settings, sessions: sessionmaker[Session]
) -> None:
    def write(_process: int) -> None:
        with sessions.begin() as session:
            record_refusals(session, settings, {"192.0.2.7": None, "192.0.2.8": None})

    with ThreadPoolExecutor(4) as processes:
        list(processes.map(write, range(4)))
    assert sorted(event.resource_id for event in acts(sessions)) == [
        "aftercommit.address.192.0.2.7",
        "aftercommit.address.192.0.2.8",
    ]


def test_the_next_period_has_an_event_of_its_own(
    settings: Settings, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        with sessions.begin() as session:
            record_refusals(session, settings, {"192.0.2.7": None})
        monkeypatch.setattr(refusals, "PERIOD_SECONDS", 0.0)
    assert len(acts(sessions)) == 2


def test_addresses_are_left_out_if_a_setting_says_so(
    settings: Settings, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(monkeypatch, actor_fields="request")
    with sessions.begin() as session:
        record_refusals(session, get_settings(), {"192.0.2.7": None, "192.0.2.8": None})
    assert [event.resource_id for event in acts(sessions)] == ["aftercommit.address.unknown"]


def test_an_attacker_with_many_addresses_does_not_fill_the_log(
    settings: Settings, sessions: sessionmaker[Session]
) -> None:
    refused = Refusals(sessions, settings)
    for number in range(3 * MOST_ADDRESSES):
        refused.note(f"2001:db8:0:{number:x}::/64")
    refused.close()
    assert len(acts(sessions)) == MOST_ADDRESSES


def test_a_log_that_is_locked_delays_no_answer(client: TestClient, sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        lock_log(session)
        guess(client, FREE_TRIES + 5)
        assert acts(sessions) == []
    wait_until(lambda: len(acts(sessions)) == 1, "the event")
