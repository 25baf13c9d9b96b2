"""A process that starts with other masking rules than the one before notes it in the log."""

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.errors import WrongMaskingKey
from app.log.masking_at_start import settle_masking_at_start
from app.settings import Settings, get_settings
from tests.integration.acts_in_log import actors, acts

RULES = {"AFTERCOMMIT_MASKED_KEYS": "licence,*_iban", "AFTERCOMMIT_UNMASKED_PATHS": "parameters.author_token"}


def start(monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
    """Settle the masking as a process does that starts with these variables."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    settle_masking_at_start(get_settings())


def test_the_first_start_and_one_with_the_same_rules_are_no_event(
    settings: Settings, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    start(monkeypatch, AFTERCOMMIT_MASKED_KEYS="a,b")
    start(monkeypatch, AFTERCOMMIT_MASKED_KEYS="b,a")
    assert acts(sessions) == []


def test_other_rules_are_one_event_that_names_the_settings_and_not_the_rules(
    settings: Settings, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    start(monkeypatch)
    for _process in range(2):
        start(monkeypatch, **RULES)
    [event] = acts(sessions)
    assert (event.event, event.resource_id) == ("aftercommit.masking.rules-changed", "aftercommit.masking")
    assert event.payload == {"settings": list(RULES)}
    assert actors(event) == ["aftercommit.service.start"]
    assert "licence" not in f"{event.resource} {event.payload}"


def test_a_process_with_another_key_notes_no_rules(
    settings: Settings, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    start(monkeypatch)
    with pytest.raises(WrongMaskingKey):
        start(monkeypatch, AFTERCOMMIT_MASKING_KEY="another key for tests, of 38 characters", **RULES)
    assert acts(sessions) == []
