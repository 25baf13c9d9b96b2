"""The worker types that a work pool can be created for, with the template of each.

`worker_types.json` is the file of that purpose from Prefect 3.8.8 (Apache License 2.0), unchanged, so that
`prefect work-pool create --type ...` makes the same pool here as on a Prefect server.
"""

import json
from functools import cache
from pathlib import Path
from typing import Final

from app.postgres.engine import JsonObject

FILE: Final = Path(__file__).with_suffix(".json")


@cache
def worker_types() -> JsonObject:
    """Return the worker types by package and type. A pool of any other type can be created all the same.

    The file is read once, at the first call.
    """
    types: JsonObject = json.loads(FILE.read_text(encoding="utf-8"))
    return types


def template_of(package: str, worker_type: str) -> JsonObject:
    """Return the base job template of a worker type.

    Raises:
        KeyError: there is no such type.
    """
    template: JsonObject = worker_types()[package][worker_type]["default_base_job_configuration"]
    return template
