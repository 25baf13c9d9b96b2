"""The server settings of our sessions. A role, a database or a connection pooler may have others; ours always win.

The list holds every setting that a session may change and that bounds a wait, or on which a result, a promise or the
meaning of a statement depends. `tests/integration/postgres/test_session_settings.py` compares it with PostgreSQL's own
list.
"""

from collections.abc import Mapping
from typing import Final

from app.settings import Settings

FIXED: Final[Mapping[str, str]] = {
    # A level above this one fails transactions that only have to wait for each other.
    "default_transaction_isolation": "read committed",
    # Otherwise a change that was acknowledged could be gone after a crash.
    "synchronous_commit": "on",
    # A row security policy that hides rows from this user becomes an error, never a result with rows missing.
    "row_security": "off",
    # The default, and then the temporary tables, which would otherwise hide ours.
    "search_path": '"$user", public, pg_temp',
    # A failed statement must end only its savepoint.
    "exit_on_error": "off",
    # An index must not leave out rows.
    "gin_fuzzy_search_limit": "0",
    # The formats in which values are written and read.
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lc_numeric": "C",
    # The meaning of literals and of NULL.
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    # An idle connection in our pool stays open.
    "idle_session_timeout": "0",
}

NO_LIMITS: Final[Mapping[str, str]] = {
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
"""For a migration, which may take long."""

MIGRATION: Final[Mapping[str, str]] = {
    **FIXED,
    **NO_LIMITS,
    # While a migration waits for a table lock, all later queries on the table wait behind it. So it fails early.
    "lock_timeout": "10000",
}


def settings_of_sessions(settings: Settings, lock_timeout_ms: int, generic_plans: bool) -> dict[str, str]:
    """Return the server settings of all sessions but those of migrations.

    The time limits also release the locks of a client that hangs.
    """
    statement_ms = settings.database_statement_timeout_ms
    return {
        **FIXED,
        "statement_timeout": str(statement_ms),
        "transaction_timeout": str(statement_ms * 2),
        "idle_in_transaction_session_timeout": str(settings.database_idle_transaction_timeout_ms),
        "lock_timeout": str(lock_timeout_ms),
        "plan_cache_mode": "force_generic_plan" if generic_plans else "auto",
    }


def statement_to_set(values: Mapping[str, str], *, for_transaction: bool) -> str:
    """Return the statement that sets all these values, for the transaction or for the session.

    It fails if triggers and foreign keys are switched off and this user may not switch them on.
    """
    until = "true" if for_transaction else "false"
    calls = [f"set_config('{name}', '{value}', {until})" for name, value in values.items()]
    # Only a superuser may set this one, so it is touched only if it is wrong.
    replication = (
        "CASE WHEN current_setting('session_replication_role') <> 'origin'"
        f" THEN set_config('session_replication_role', 'origin', {until}) END"
    )
    return f"SELECT {', '.join([*calls, replication])}"
