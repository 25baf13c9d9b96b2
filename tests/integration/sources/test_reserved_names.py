"""No source can have a name with which its resources could have the ids of others."""

import re

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.models import Source
from app.models.source import RESERVED_NAMES
from tests.contract.documents import ROOT


def test_every_documented_id_of_our_own_begins_with_a_reserved_name() -> None:
    document = (ROOT / "docs/attribution.md").read_text()
    # The second column of the tables has the ids of the resources.
    ids = re.findall(r"^\| [^|]+ \| `aftercommit\.([a-z-]+)", document, re.MULTILINE)

    assert len(ids) > 10
    assert set(ids) <= set(RESERVED_NAMES)


@pytest.mark.parametrize("name", RESERVED_NAMES)
def test_the_database_refuses_a_reserved_name(name: str, uncommitted: Session) -> None:
    uncommitted.add(Source(name=name, profile="", url=b"", shown_url=""))

    with pytest.raises(IntegrityError, match="ck_source_reserved_name"):
        uncommitted.flush()


def test_the_database_takes_another_name(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        session.add(Source(name="keys", profile="", url=b"", shown_url=""))
        session.flush()
