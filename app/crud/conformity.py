"""Checks values against a JSON Schema that a client sent, without reaching out for anything that it refers to."""

from typing import Any

from jsonschema.exceptions import SchemaError
from jsonschema.exceptions import ValidationError as SchemaViolation
from jsonschema.validators import Draft202012Validator
from referencing import Registry
from referencing.exceptions import Unresolvable

from app.database import JsonObject
from app.errors import InvalidRequest, RequestError


def check_conformity(
    values: JsonObject, schema: JsonObject, what: str, error: type[RequestError] = InvalidRequest
) -> None:
    """Refuse values that their schema does not allow. Missing ones are allowed: they may be given when it runs.

    Args:
        values: the values by name; null stands for "not given" where the schema does not require the value.
        schema: an object schema of JSON Schema 2020-12.
        what: what the values are, for the message.
        error: what to raise when a value does not conform.

    Raises:
        InvalidRequest: the schema itself is none, or refers to something outside of it.
        RequestError: of the given type; the message names the place and the rule, never the value.
    """
    required = schema.get("required")
    required = set(required) if isinstance(required, list) else set()
    given = {key: value for key, value in values.items() if value is not None or key in required}
    # An empty registry: a reference to a URL is an error here, not a request from our network to somebody's address.
    validator = Draft202012Validator({**schema, "required": []}, registry=Registry())
    try:
        Draft202012Validator.check_schema(schema)
        violation = next(iter(validator.iter_errors(given)), None)
    except SchemaError as broken:
        raise InvalidRequest(f"The schema of the {what} is not a valid JSON Schema at {_place(broken)}.") from None
    except (Unresolvable, RecursionError) as broken:
        raise InvalidRequest(f"The schema of the {what} has a reference that leads nowhere, or to itself.") from broken
    if violation is not None:
        raise error(
            f"The {what} do not fit their schema at {_place(violation)}: it breaks the rule {_rule(violation)}."
        )


def _place(error: Any) -> str:
    return ".".join(str(part) for part in error.absolute_path) or "the top"


def _rule(violation: SchemaViolation) -> str:
    return f"'{violation.validator}'"
