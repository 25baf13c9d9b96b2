"""Where a command finds its database: the option that names the folder of an `aftercommit up`, and its settings."""

import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from app.settings import Settings

VARIABLE = "AFTERCOMMIT_DATA_DIR"

DataDir = Annotated[
    Path,
    typer.Option(envvar=VARIABLE, file_okay=False, help="The data folder of the running `aftercommit up`."),
]
DEFAULT = Path(".aftercommit")


class CommandSettings(Settings):
    """The settings of a command: it works on the database, and neither rings nor masks.

    Without a broker nothing wakes who follows the log: they look again and again.
    """

    broker_url: str = ""
    masking_key: SecretStr = SecretStr("")


def settings_in(data_dir: Path) -> CommandSettings:
    """Return the settings as this folder's run file and the environment give them.

    Raises:
        ConfigurationError: no database is known; the text says what to set or start.
    """
    os.environ[VARIABLE] = str(data_dir)
    return CommandSettings.load()
