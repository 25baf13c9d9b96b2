"""Fixtures of the tests of sources: a second real database, which belongs to a foreign application."""

import os
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.settings import Settings
from tests.databases import administer, with_database
from tests.integration.sources.attached import Attached, assert_chains
from tests.integration.sources.shop import Shop
from tests.old_postgres import running_old_postgres
from tests.world import assert_audit_is_clean


@pytest.fixture(scope="session")
def foreign_server(postgres_url: str) -> Iterator[str]:
    """The URL of a server that is not ours: the same PostgreSQL, or with the variable `OLD_POSTGRES` that older one."""
    if "OLD_POSTGRES" not in os.environ:
        yield postgres_url
        return
    with running_old_postgres() as (url, _):
        yield url


@pytest.fixture
def foreign_url(foreign_server: str) -> Iterator[str]:
    """The URL of an empty database that is not ours."""
    name = f"foreign_{uuid.uuid4().hex}"
    administer(foreign_server, f"CREATE DATABASE {name}")
    yield with_database(foreign_server, name)
    administer(foreign_server, f"DROP DATABASE {name} WITH (FORCE)")


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
