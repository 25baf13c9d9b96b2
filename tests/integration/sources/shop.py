"""A small foreign application with a database of its own: orders with their lines, and customers with a secret."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import make_url

from app.sources.profile import Profile
from app.sources.profile_file import parse_profile, read_profile_text

PROFILE: Final = Path(__file__).with_name("shop.toml")

SCHEMA: Final = """
CREATE SCHEMA crm;
CREATE TABLE crm.customer (
    code text PRIMARY KEY, full_name text NOT NULL, api_token text, address jsonb DEFAULT '{}',
    groups jsonb DEFAULT '[]', seen timestamptz
);
CREATE TABLE orders (
    number bigint PRIMARY KEY, title text NOT NULL, state text DEFAULT 'open', total numeric, due timestamptz,
    customer_code text REFERENCES crm.customer ON DELETE CASCADE, touched timestamptz
);
CREATE TABLE order_line (
    line bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_number bigint REFERENCES orders ON DELETE CASCADE,
    article text NOT NULL, amount integer DEFAULT 1, options jsonb, touched timestamptz
);
"""


class Shop:
    """The database of the application."""

    def __init__(self, url: str) -> None:
        """Take the URL of an empty database."""
        self.url = url
        self.address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)

    def address_of(self, role: str, password: str) -> str:
        """Return the URL of the database for another role."""
        url = make_url(self.address).set(username=role, password=password)
        return url.render_as_string(hide_password=False)

    def create(self) -> None:
        """Create the application's tables."""
        self.run(SCHEMA)

    def run(self, *statements: str) -> None:
        """Run these statements in one transaction."""
        with self.session() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def read(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.session() as connection:
            return connection.execute(statement.encode()).fetchall()

    @contextmanager
    def session(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Yield a connection whose transaction is committed at the end of the block."""
        with psycopg.connect(self.address) as connection:
            yield connection


def shop_profile() -> Profile:
    """Return the profile of the application."""
    return parse_profile(read_profile_text(str(PROFILE)))
