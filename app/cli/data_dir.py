"""The option that names the data folder of the `aftercommit up` that a command talks to."""

import os
from pathlib import Path
from typing import Annotated

import typer

from app.settings import Settings

VARIABLE = "AFTERCOMMIT_DATA_DIR"

DataDir = Annotated[
    Path,
    typer.Option(envvar=VARIABLE, file_okay=False, help="The data folder of the running `aftercommit up`."),
]
DEFAULT = Path(".aftercommit")


def settings_in(data_dir: Path) -> Settings:
    """Return the settings as this folder's run file and the environment give them.

    Raises:
        ConfigurationError: no server is known; the text says what to set or start.
    """
    os.environ[VARIABLE] = str(data_dir)
    return Settings.load()
