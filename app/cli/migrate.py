"""`aftercommit migrate`: upgrades the database to the schema of this version."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

import app.migrations
from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.cli.masking_key import ReplaceMaskingKey, settle_masking_key
from app.cli.operator import Reason
from app.errors import ConfigurationError, StartupError
from app.postgres.engine import make_migration_engine
from app.postgres.session_check import REQUIRED_VERSION, unsuitability
from app.settings import log_settings
from app.settings.run_file import Pooler

EXAMPLES = """
Examples:

[bold]AFTERCOMMIT_DATABASE_URL=postgresql+psycopg://... aftercommit migrate[/bold]  before the workers and the API start

[bold]aftercommit migrate[/bold]  with a running `aftercommit up`, which has already migrated its database

[bold]AFTERCOMMIT_MASKING_KEY=... aftercommit migrate --replace-masking-key[/bold]  with all processes stopped
"""


def migrate(
    data_dir: DataDir = DEFAULT, replace_masking_key: ReplaceMaskingKey = False, _reason: Reason = None
) -> None:
    """Upgrade the database to the schema of this version, and check the masking key if it is set.

    This is safe at any time, also when several run at once: they take turns, and only the first has work to do.
    """
    settings = settings_in(data_dir)
    has_key = bool(settings.masking_key.get_secret_value())
    if replace_masking_key and not has_key:
        raise ConfigurationError("Set AFTERCOMMIT_MASKING_KEY to the new key.")
    upgrade(settings.database_url, settings.database_pooler)
    if has_key:
        settle_masking_key(settings, replace=replace_masking_key)
    log_settings().tell("migrated", "The database is up to date.")


def upgrade(database_url: str, pooler: Pooler = "none") -> None:
    """Apply the missing migrations; return at once if there are none.

    Raises:
        ConfigurationError: the URL is malformed, or the server is unsuitable: no PostgreSQL, too old, or behind a
            pooler that is not configured.
        StartupError: the database does not answer, or another process does not finish its migrations.
    """
    try:
        backend = make_url(database_url).get_backend_name()
        if backend != "postgresql":
            raise ConfigurationError(f"aftercommit needs PostgreSQL {REQUIRED_VERSION} or newer, not {backend}.")
        engine = make_migration_engine(database_url, is_pooled=pooler == "transaction")
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(
            "AFTERCOMMIT_DATABASE_URL is not a database URL like postgresql+psycopg://user:password@host/name."
        ) from error
    try:
        command.upgrade(alembic_config(engine), "head")
    except OperationalError as error:
        if (reason := unsuitability(error)) is not None:
            raise ConfigurationError(reason) from error
        # Only the driver's message: SQLAlchemy's message adds the statement and its parameters.
        raise StartupError(f"The database can't be migrated: {error.orig}") from error


def alembic_config(engine: Engine) -> Config:
    """Return the configuration for Alembic's commands on the database of this engine."""
    # ConfigParser would interpret a percent sign in the path.
    folder = str(Path(app.migrations.__file__).parent).replace("%", "%%")
    config = Config(attributes={"engine": engine})
    config.set_main_option("script_location", folder)
    config.set_main_option("path_separator", "os")
    return config
