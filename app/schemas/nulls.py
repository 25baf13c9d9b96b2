"""States in the JSON Schemas of models where null is accepted, because their validators treat it in a special way."""

from collections.abc import Collection
from typing import Any

JsonSchema = dict[str, Any]

NULL = {"type": "null"}
ABOUT = frozenset({"title", "description", "default", "examples"})
"""Keys that stay beside the alternatives."""


def accept_null(schema: JsonSchema, *, as_a_whole: bool) -> None:
    """Let each property that is not required be null, and the whole object too, if nothing is required."""
    required = schema.get("required", ())
    for name, value in schema.get("properties", {}).items():
        if name not in required and NULL not in value.get("anyOf", ()):
            kinds = value.pop("anyOf", None) or [{key: value.pop(key) for key in [*value] if key not in ABOUT}]
            value["anyOf"] = [*kinds, NULL]
    if as_a_whole and not required:
        schema["type"] = ["object", "null"]


def refuse_null(schema: JsonSchema, clearable: Collection[str]) -> None:
    """Let only the `clearable` properties be null."""
    for name, value in schema.get("properties", {}).items():
        if name not in clearable and NULL in value.get("anyOf", ()):
            kinds = [kind for kind in value.pop("anyOf") if kind != NULL]
            value.update(kinds[0] if len(kinds) == 1 else {"anyOf": kinds})
            value.pop("default", None)
