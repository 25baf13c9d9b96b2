"""Validates the base job template of a work pool: it must declare every variable that it uses."""

import json
import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator

from app.postgres.base import JsonObject
from app.schemas.shared import Object

PLACEHOLDER: Final = re.compile(r"{{\s*([\w.\-\[\]$]+)\s*}}")


def undeclared_variables(template: JsonObject) -> list[str]:
    """Return the names in `{{ }}` that the job configuration uses and the variables do not declare, sorted."""
    declared = template["variables"].get("properties")
    used = set(PLACEHOLDER.findall(json.dumps(template["job_configuration"])))
    return sorted(used - set(declared if isinstance(declared, dict) else ()))


def _check(template: JsonObject) -> JsonObject:
    if not template:
        return template
    if not (_is_object(template, "job_configuration") and _is_object(template, "variables")):
        raise ValueError(
            "The `base_job_template` must contain both a `job_configuration` key and a `variables` key, each an object."
        )
    undeclared = undeclared_variables(template)
    if undeclared:
        raise ValueError(
            "The variables specified in the job configuration template must be present as properties in the variables"
            f" schema. Your job configuration uses the following undeclared variable(s): {', '.join(undeclared)}."
        )
    return template


def _is_object(template: JsonObject, key: str) -> bool:
    part: Any = template.get(key)
    return isinstance(part, dict)


BaseJobTemplate = Annotated[Object, AfterValidator(_check)]
"""A base job template. An empty object means: no template."""
