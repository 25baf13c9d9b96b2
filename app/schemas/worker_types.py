"""The worker types that Prefect's client can create a work pool for, and the base job template of each.

`worker_types.json` is copied unchanged from Prefect 3.8.8 (Apache License 2.0). So `prefect work-pool create --type`
creates the same pool here as on a Prefect server.
"""

import json
from functools import cache
from pathlib import Path
from typing import Final

from app.postgres.base import JsonObject

FILE: Final = Path(__file__).with_suffix(".json")


@cache
def worker_types() -> JsonObject:
    """Return the worker types by package and type. The API accepts pools of other types as well."""
    types: JsonObject = json.loads(FILE.read_text(encoding="utf-8"))
    return types


def template_of(package: str, worker_type: str) -> JsonObject:
    """Return the base job template of a worker type.

    Raises:
        KeyError: the package or the type does not exist.
    """
    template: JsonObject = worker_types()[package][worker_type]["default_base_job_configuration"]
    return template
