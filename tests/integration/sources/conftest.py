"""Fixtures of the tests of sources: a second real database, which belongs to a foreign application."""

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.settings import Settings
from tests.databases import administer, with_database
from tests.integration.sources.attached import Attached, assert_chains
from tests.integration.sources.shop import Shop
from tests.world import assert_audit_is_clean


@pytest.fixture
def foreign_url(postgres_url: str) -> Iterator[str]:
    """The URL of an empty database that is not ours."""
    name = f"foreign_{uuid.uuid4().hex}"
    administer(postgres_url, f"CREATE DATABASE {name} STRATEGY file_copy")
    yield with_database(postgres_url, name)
    administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def shop(foreign_url: str) -> Shop:
    """The foreign application, with its tables and without any row."""
    shop = Shop(foreign_url)
    shop.create()
    return shop


@pytest.fixture
def attached(shop: Shop, sessions: sessionmaker[Session], settings: Settings) -> Iterator[Attached]:
    """The application with one customer, attached; its customer is in the log. Afterwards the audit must be clean."""
    shop.run("INSERT INTO crm.customer (code, full_name, api_token) VALUES ('c1', 'Ada', 's3cr3t')")
    attached = Attached(shop, sessions, settings)
    attached.attach()
    attached.follow()
    yield attached
    assert_chains(attached.log())
    assert_audit_is_clean(sessions)
