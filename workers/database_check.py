"""Checks at the start of a worker whether it can ever work with its database."""

from app.log.masking_at_start import settle_masking_at_start
from app.postgres.engine import make_engine
from app.postgres.session_check import require_suitable_server
from app.settings import Settings


def require_usable_database(settings: Settings) -> None:
    """Check the server, and the masking key. A server that is away now is no reason to end.

    Raises:
        ConfigurationError: this server, or this pooler, can never be used.
        WrongMaskingKey: the masks in the database were made with another key.
    """
    engine = make_engine(settings, application_name="aftercommit-worker", pool_size=1)
    try:
        require_suitable_server(engine)
    finally:
        # Before the fork: no two processes share a connection.
        engine.dispose()
    settle_masking_at_start(settings)
