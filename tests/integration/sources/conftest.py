"""Fixtures of the tests of sources: a second real database, which belongs to a foreign application."""

import uuid
from collections.abc import Iterator

import pytest

from tests.databases import administer, with_database
from tests.integration.sources.shop import Shop


@pytest.fixture
def foreign_url(postgres_url: str) -> Iterator[str]:
    """The URL of an empty database that is not ours."""
    name = f"foreign_{uuid.uuid4().hex}"
    administer(postgres_url, f"CREATE DATABASE {name}")
    yield with_database(postgres_url, name)
    administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def shop(foreign_url: str) -> Shop:
    """The foreign application, with its tables and without any row."""
    shop = Shop(foreign_url)
    shop.create()
    return shop
