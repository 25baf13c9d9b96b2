"""The database that the tests of the audit break."""

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session, sessionmaker

from tests.integration.audit.audited_world import AuditedWorld
from tests.integration.audit.lives import Life, store


@pytest.fixture
def audited(unguarded_world: None, sessions: sessionmaker[Session]) -> Iterator[AuditedWorld]:
    """A correct world with 13 events."""
    lives = (Life(4), Life(5, pending=2), Life(3, deleted=True), Life(3, pending=1, deleted=True))
    with sessions() as session:
        last = store(session, lives)
        yield AuditedWorld(session, *lives, last=last)
