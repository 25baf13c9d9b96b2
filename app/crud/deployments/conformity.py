"""Checks values against a JSON Schema that a client sent, without requesting anything that the schema refers to.

The work of a check is bounded, and a long check runs outside of the request's transaction (see `app.long_checks`).
"""

import hashlib
import json
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from jsonschema.exceptions import SchemaError
from jsonschema.exceptions import ValidationError as SchemaViolation
from jsonschema.validators import Draft202012Validator
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from referencing import Registry
from referencing.exceptions import Unresolvable

from app.crud.deployments.check_budget import Budget, OutOfWork, budget
from app.crud.deployments.schema_rules import ALL_RULES, WITHOUT_REQUIRED
from app.crud.deployments.terse_values import terse
from app.errors import InvalidRequest, RequestError
from app.long_checks import LongCheck, results
from app.postgres.base import JsonObject, dump_json
from app.schemas.bounds import MESSAGE_LENGTH, PLACE_LENGTH, shortened

REMEMBERED: Final = 128
REMEMBERED_LENGTH: Final = 8 * 1024
"""Longer schemas are not cached, so that clients cannot fill the memory."""
SHORT: Final = 10_000, 0.1
"""The steps and seconds of a check inside a transaction. A new schema of 40 parameters takes as many steps, and some
ten milliseconds."""
LONG: Final = 150_000, 1.0
"""The same for a long check. A new schema of 600 parameters takes as many steps, and some 200 milliseconds."""


class Refusal(NamedTuple):
    """Why a check failed, and whether the schema is to blame and not the values."""

    text: str
    is_of_schema: bool


def check_conformity(
    values: JsonObject, schema: JsonObject, what: str, error: type[RequestError] = InvalidRequest
) -> None:
    """Reject values that their schema does not allow.

    Missing values are allowed at every depth, because a run may supply them.

    These rules are not checked: patterns that RE2 cannot compile (see `schema_patterns`), `format`,
    `unevaluatedItems` and `unevaluatedProperties`.

    Args:
        values: the values by name. At every depth, a null counts as missing, unless the schema requires the value.
        schema: an object schema of JSON Schema 2020-12.
        what: the name of the values in error messages.
        error: the error to raise if a value does not conform.

    Raises:
        InvalidRequest: the schema is invalid, refers to something outside itself, or the check takes too much work.
        RequestError: of the type `error`. The message names the place and the rule, never the value.
        LongCheck: inside a request, the check needs more work than a transaction may wait for.
    """
    refusal = _refusal_in_request(values, schema, what)
    if refusal is not None:
        raise (InvalidRequest if refusal.is_of_schema else error)(refusal.text)


def _refusal_in_request(values: JsonObject, schema: JsonObject, what: str) -> Refusal | None:
    known = results.get()
    if known is None:
        return _refusal(values, schema, what)
    if known and (key := _key(values, schema)) in known:
        refusal: Refusal | None = known[key]
        return refusal
    try:
        return _check(values, schema, what, Budget(*SHORT, pauses=False))
    except OutOfWork:
        raise LongCheck(partial(_store_refusal, known, values, schema, what)) from None


def _store_refusal(known: dict[bytes, Any], values: JsonObject, schema: JsonObject, what: str) -> None:
    known[_key(values, schema)] = _refusal(values, schema, what)


def _key(values: JsonObject, schema: JsonObject) -> bytes:
    return hashlib.blake2b(dump_json([values, schema])).digest()


def _refusal(values: JsonObject, schema: JsonObject, what: str) -> Refusal | None:
    """Check with all the work that is allowed."""
    try:
        return _check(values, schema, what, Budget(*LONG, pauses=True))
    except OutOfWork:
        return Refusal(f"The {what} and their schema take too much work to check: simplify them.", is_of_schema=True)


def _check(values: JsonObject, schema: JsonObject, what: str, steps: Budget) -> Refusal | None:
    token = budget.set(steps)
    try:
        violation = next(iter(_validator(schema).iter_errors(terse(values))), None)
    except SchemaError as broken:
        return Refusal(f"The schema of the {what} is not a valid JSON Schema at {_place(broken)}.", is_of_schema=True)
    except (Unresolvable, RecursionError):
        text = f"The schema of the {what} has a reference that leads nowhere, or to itself."
        return Refusal(text, is_of_schema=True)
    except OutOfWork:
        raise
    except Exception:  # noqa: BLE001  # A client's schema can make the library fail in many ways.
        # The library's own message may quote a value.
        return Refusal(f"The {what} cannot be checked against their schema.", is_of_schema=True)
    finally:
        budget.reset(token)
    if violation is None:
        return None
    text = f"The {what} do not fit their schema at {_place(violation)}: it breaks the rule {_rule(violation)}."
    return Refusal(text, is_of_schema=False)


def _validator(schema: JsonObject) -> Any:
    try:
        text = json.dumps(schema)
    except TypeError:
        # It contains a Decimal, which `json` cannot write (see `app.postgres.base.load_json`).
        return _make_validator(schema)
    return _remembered_validator(text) if len(text) <= REMEMBERED_LENGTH else _make_validator(schema)


@lru_cache(REMEMBERED)
def _remembered_validator(text: str) -> Any:
    """Cache validators: requests use the same few schemas, and validating a schema costs more than all the rest."""
    return _make_validator(json.loads(text))


def _make_validator(sent: JsonObject) -> Any:
    schema = terse(sent)
    broken = next(iter(_METASCHEMA.iter_errors(schema)), None)
    if broken is not None:
        raise SchemaError.create_from(broken)
    # With an empty registry, a reference to a URL is an error. Otherwise the library would request that URL.
    return WITHOUT_REQUIRED(schema, registry=Registry())


_METASCHEMA: Final = ALL_RULES(Draft202012Validator.META_SCHEMA, registry=REGISTRY)


def _place(error: Any) -> str:
    place = ".".join(shortened(part, PLACE_LENGTH) for part in error.absolute_path)
    return shortened(place, MESSAGE_LENGTH) or "the top"


def _rule(violation: SchemaViolation) -> str:
    return f"'{violation.validator}'"
