"""Refuses environment variables that do nothing, or that steer Celery and Flower past the settings."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Final

from app.errors import ConfigurationError

PREFIX: Final = "AFTERCOMMIT_"
FOREIGN_PREFIXES: Final = ("CELERY_", "FLOWER_")
"""Celery and Flower read every option from a variable with this prefix, and prefer it to their configuration."""
ALLOWED: Final = frozenset(
    {
        # Our Procfile and Makefile use it.
        "FLOWER_PORT",
        # A Celery worker sets these for its child processes.
        "CELERY_LOG_FILE",
        "CELERY_LOG_LEVEL",
        "CELERY_LOG_REDIRECT",
        "CELERY_LOG_REDIRECT_LEVEL",
    }
)
SET_BY_CELERY: Final = {
    "CELERY_BROKER_URL": "BROKER_URL",
    "CELERY_RESULT_BACKEND": "RESULT_BACKEND",
    "CELERY_LOADER": "LOADER",
    "CELERY_CONFIG_MODULE": "CONFIG_MODULE",
    "CELERY_SKIP_CHECKS": "SKIP_CHECKS",
}
"""The `celery` command sets these variables, from an option or from the variable without the prefix."""


def check_environment(names: Iterable[str], settings: Collection[str]) -> None:
    """Check the names of all environment variables.

    Args:
        names: the names of all variables of this process.
        settings: the names of the settings, in lower case and without the prefix.

    Raises:
        ConfigurationError: a variable has our prefix but belongs to no setting; or it would steer Celery or Flower.
    """
    for name in sorted(names):
        if name.startswith(FOREIGN_PREFIXES) and name not in ALLOWED:
            raise ConfigurationError(_foreign(name))
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() not in settings:
            raise ConfigurationError(_unknown(name, settings))


def _foreign(name: str) -> str:
    other = SET_BY_CELERY.get(name)
    source = f" (the celery command sets it when {other} is set)" if other else ""
    return (
        f"{name} must not be set{source}. Celery or Flower would obey it instead of the settings in {PREFIX}*. "
        "Options of Flower can be given on its command line."
    )


def _unknown(name: str, settings: Collection[str]) -> str:
    nearest = get_close_matches(name.removeprefix(PREFIX).lower(), settings, n=1)
    hint = f" Did you mean {PREFIX}{nearest[0].upper()}?" if nearest else " The README lists all settings."
    return f"{name} is not a setting.{hint}"
