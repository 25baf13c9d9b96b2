"""The run file. `aftercommit up` writes it to its data folder, so that the other commands find its servers."""

import json
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel

from app.errors import ConfigurationError

RUN_FILE: Final = "run.json"

Pooler = Literal["none", "transaction"]
"""How the connection pooler between us and PostgreSQL works, if there is one."""


class RunFile(BaseModel):
    """The addresses of the servers and services, and the masking key. Only the file's owner can read it."""

    database_url: str
    database_pooler: Pooler = "none"
    broker_url: str
    masking_key: str
    api_url: str
    flower_url: str | None
    pid: int


def read_run_file(data_dir: Path) -> RunFile | None:
    """Return the run file of the running `aftercommit up` in this data folder, or None if there is none.

    Raises:
        ConfigurationError: the file is damaged.
    """
    try:
        return RunFile.model_validate(json.loads((data_dir / RUN_FILE).read_text()))
    except FileNotFoundError:
        return None
    except ValueError:
        raise ConfigurationError(f"{data_dir / RUN_FILE} is damaged. Remove it and start `up` again.") from None
