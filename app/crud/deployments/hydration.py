"""Replaces each `{"__prefect_kind": ...}` in updated parameters by the value that it describes.

Prefect's web page sends such objects. The kinds are Prefect's: `none` and `json` contain a value, `jinja` a template
and `workspace_variable` the name of a variable. The registry has no variables and renders no templates, so the last two
kinds are errors.
"""

from typing import Any, Final

from app.errors import RequestError
from app.postgres.base import JsonObject, load_json
from app.schemas.bodies import not_too_deep, within_digits

KIND: Final = "__prefect_kind"
_REMOVED: Final = object()


def hydrate(parameters: JsonObject) -> JsonObject:
    """Return the parameters with the described values.

    Raises:
        RequestError: a description is invalid, or has a kind that the registry does not support.
    """
    value = _hydrate(parameters)
    if value is _REMOVED:
        return {}
    if not isinstance(value, dict):
        raise _error("The parameters are not an object.")
    return value


def _hydrate(value: Any) -> Any:
    if isinstance(value, dict):
        if KIND in value:
            return _described(value)
        members = ((key, _hydrate(member)) for key, member in value.items())
        return {key: member for key, member in members if member is not _REMOVED}
    if isinstance(value, list):
        return [member for member in map(_hydrate, value) if member is not _REMOVED]
    return value


def _described(description: JsonObject) -> Any:
    match description[KIND]:
        case "none":
            if "value" not in description:
                raise _error("Missing 'value' key in __prefect object")
            return _hydrate(description["value"])
        case "json":
            return _from_json(_hydrate(description["value"])) if "value" in description else _REMOVED
        case "jinja":
            raise _error("Jinja templates are not rendered here.")
        case "workspace_variable":
            if "variable_name" not in description:
                return _REMOVED
            raise _error("There are no variables here.")
        case _:
            return description.get("value")


def _from_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        parsed = within_digits(load_json(value))
        not_too_deep({"value": parsed})
    except (ValueError, RecursionError):
        # The error's text may quote a value.
        raise _error("Invalid JSON") from None
    return parsed


def _error(reason: str) -> RequestError:
    return RequestError(f"Error hydrating deployment parameters: {reason}")
