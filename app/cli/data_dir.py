"""The `--data-dir` option, and the settings that a command loads from that folder and the environment."""

import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field, SecretStr

from app.settings import MaskingKey, Settings, get_settings

VARIABLE = "AFTERCOMMIT_DATA_DIR"

DataDir = Annotated[
    Path,
    typer.Option(envvar=VARIABLE, file_okay=False, help="The data folder of the running `aftercommit up`."),
]
DEFAULT = Path(".aftercommit")


class CommandSettings(Settings):
    """The settings of most commands: only the database is required.

    Commands ring no doorbell and store no masks, so the broker and the masking key may be missing. A secret in a reason
    needs the key (`app.log.acts`).
    """

    broker_url: str = ""
    masking_key: MaskingKey = Field(default=SecretStr(""), validate_default=False)


def settings_in(data_dir: Path) -> CommandSettings:
    """Return the settings from the run file in this folder and from the environment.

    Raises:
        ConfigurationError: no database is configured; the text says what to set or start.
    """
    os.environ[VARIABLE] = str(data_dir)
    return CommandSettings.load()


def all_settings_in(data_dir: Path) -> Settings:
    """Return all settings of this process, for a command that changes resources as the API does.

    Raises:
        ConfigurationError: the database, the broker or the masking key is not configured.
    """
    os.environ[VARIABLE] = str(data_dir)
    return get_settings()
