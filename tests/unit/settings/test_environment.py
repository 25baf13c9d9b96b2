"""Environment variables that are refused: typos of settings, and all that would steer Celery or Flower."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import celery
import pytest
from celery.app.defaults import NAMESPACES, flatten
from celery.bin.celery import celery as celery_command
from tornado.options import options

from app.errors import ConfigurationError
from app.settings import Settings
from app.settings.environment import ALLOWED, check_environment

FLOWER = importlib.import_module("flower.options")
"""Importing this module declares Flower's options. The package has no types."""
NAMED_IN_SOURCE = re.compile(r"[\"'](CELERY_[A-Z_]+|FLOWER_[A-Z0-9_]+)[\"']")
NOT_VARIABLES = frozenset({"CELERY_", "CELERY_TASK_", "CELERYD_"})


def named_in(package: Path) -> set[str]:
    """Return every `CELERY_` and `FLOWER_` name in the source of a package."""
    return {name for file in package.rglob("*.py") for name in NAMED_IN_SOURCE.findall(file.read_text())}


def options_of_commands() -> set[str]:
    """Return the variables from which the `celery` command and its subcommands read their options."""
    names = {f"CELERY_{parameter.name}".upper() for parameter in celery_command.params}
    for command in celery_command.commands.values():
        names |= {f"CELERY_{command.name}_{parameter.name}".upper() for parameter in command.params}
    return names


def is_refused(name: str) -> bool:
    try:
        check_environment([name], [])
    except ConfigurationError:
        return True
    return False


KNOWN_VARIABLES = (
    named_in(Path(celery.__file__).parent)
    | named_in(Path(str(FLOWER.__file__)).parent)
    | options_of_commands()
    | {f"CELERY_{name}".upper() for name, _ in flatten(NAMESPACES)}
    | {f"FLOWER_{name}".replace("-", "_").upper() for name in options.as_dict()}
)


def test_every_variable_that_celery_or_flower_reads_is_refused() -> None:
    assert len(KNOWN_VARIABLES) > 300
    assert {name for name in KNOWN_VARIABLES - NOT_VARIABLES if not is_refused(name)} == set(ALLOWED)


@pytest.mark.parametrize("name", ["RESULT_BACKEND", "CONFIG_MODULE", "CELERY_RESULT_BACKEND"])
def test_a_celery_process_does_not_start_with_a_foreign_variable(name: str) -> None:
    names = ("DATABASE_URL", "BROKER_URL", "MASKING_KEY")
    ours = {f"AFTERCOMMIT_{key}": "redis://aftercommit@127.0.0.1:1/0" for key in names}
    command = [sys.executable, "-m", "celery", "-A", "workers", "report"]
    done = subprocess.run(
        command, env={**os.environ, **ours, name: "json"}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "must not be set" in done.stderr


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("AFTERCOMMIT_LOGLEVEL", "Did you mean AFTERCOMMIT_LOG_LEVEL?"),
        ("AFTERCOMMIT_API_AUTH_STRNG", "Did you mean AFTERCOMMIT_API_AUTH_STRING?"),
        ("AFTERCOMMIT_XYZZY_PLUGH", "The README lists all settings."),
    ],
)
def test_an_unknown_setting_is_refused_with_the_nearest_known_one(name: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"{name} is not a setting. {hint}")):
        check_environment([name], Settings.model_fields.keys())


def test_every_setting_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    check_environment([f"AFTERCOMMIT_{name}".upper() for name in Settings.model_fields], Settings.model_fields.keys())


def test_settings_are_loaded_only_after_the_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AFTERCOMMIT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("AFTERCOMMIT_LOGLEVEL", "INFO")
    with pytest.raises(ConfigurationError, match="LOGLEVEL"):
        Settings.load()
