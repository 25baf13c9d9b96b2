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
LOGO: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 48 48' fill='none' stroke='%23888' "
    "stroke-width='3' stroke-linejoin='round'%3E%3Cpath d='M24 5 41 14v20L24 43 7 34V14zM7 14l17 9 17-9M24 23v20'/%3E"
    "%3C/svg%3E"
)
"""A drawing of a box. Prefect's logos are on another host, from which the web page must not load anything."""


@cache
def worker_types() -> JsonObject:
    """Return the worker types by package and type. The API accepts pools of other types as well."""
    packages: JsonObject = json.loads(FILE.read_text(encoding="utf-8"))
    return {
        package: {name: {**worker_type, "logo_url": LOGO} for name, worker_type in types.items()}
        for package, types in packages.items()
    }


def template_of(package: str, worker_type: str) -> JsonObject:
    """Return the base job template of a worker type.

    Raises:
        KeyError: the package or the type does not exist.
    """
    template: JsonObject = worker_types()[package][worker_type]["default_base_job_configuration"]
    return template
