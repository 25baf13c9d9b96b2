"""What `aftercommit up` writes into its data folder so that the other commands find its servers."""

import json
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from app.errors import ConfigurationError

RUN_FILE: Final = "run.json"


class RunFile(BaseModel):
    """Where the servers and the services are, and the key of the masks; only its owner can read it."""

    database_url: str
    broker_url: str
    masking_key: str
    api_url: str
    flower_url: str | None
    pid: int


def read_run_file(data_dir: Path) -> RunFile | None:
    """Return what the running `aftercommit up` of this data folder wrote, or None when there is none."""
    try:
        return RunFile.model_validate(json.loads((data_dir / RUN_FILE).read_text()))
    except FileNotFoundError:
        return None
    except ValueError:
        raise ConfigurationError(f"{data_dir / RUN_FILE} is damaged: remove it and start `up` again.") from None
