"""Databases for tests: a shared one that tests leave empty, and functions that create and drop databases."""

from sqlalchemy import create_engine, make_url, text

from app.postgres.base import Base

# Raw SQL: the models do not cover catalogs and administration. No text here takes a value.
END_OTHER_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
SCHEMA_SIZE = (
    "SELECT (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_trigger),"
    " (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_attribute),"
    " (SELECT sum(hashtext(relname)::bigint) FROM pg_class)"
)


class SharedDatabase:
    """A database that is emptied after each test. A test that changes its schema fails."""

    def __init__(self, url: str) -> None:
        """Take the URL of a database at the newest migration."""
        self.url = url
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        self._schema = self._schema_size()

    def empty(self) -> None:
        """Close all other connections, delete every row, restart the sequences, and check the schema."""
        with self._engine.connect() as connection:
            connection.execute(text(END_OTHER_CONNECTIONS))
            tables = ", ".join(f'"{table}"' for table in Base.metadata.tables)
            connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
            connection.execute(text("INSERT INTO event_log (id, position, rescued) VALUES (1, 0, 0)"))
        assert self._schema_size() == self._schema, "mark a test that changes the schema with `own_database`"

    def close(self) -> None:
        """Close the connections to the database."""
        self._engine.dispose()

    def _schema_size(self) -> tuple[int, ...]:
        with self._engine.connect() as connection:
            return tuple(connection.execute(text(SCHEMA_SIZE)).one())


def with_database(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def administer(url: str, statement: str) -> None:
    """Run a statement that PostgreSQL does not allow inside a transaction."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
