"""Replaces secret values before anything is stored, so that no snapshot, message, event or log line holds one.

A masked value reads `{"$masked": "<12 hex digits>"}`: the digits are a keyed HMAC of the value, so a change of a
secret shows as a change, and nobody without the key can guess the value by trying.
"""

import hmac
import json
import re
from collections.abc import Iterable
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final

MASKED: Final = "$masked"

Path = tuple[str, ...]

SECRET_KEY: Final = re.compile(
    r"pass(word|wd|phrase)?$|^pass(word|wd|phrase)?|secret|token|api[-_.]?key|access[-_.]?key|private[-_.]?key"
    r"|credential|authorization|^auth$|connection[-_.]?string|cookie|^pw$|^pwd$|bearer|signature|^sas$",
    re.IGNORECASE,
)
"""Keys whose values are taken for secrets, wherever they stand."""

ENVIRONMENT_FIELDS: Final = frozenset({"base_job_template", "infra_overrides", "job_variables", "pull_steps"})
"""Fields that describe a process: an `env` in them holds secrets under any name."""

JSON_SCHEMAS: Final[frozenset[Path]] = frozenset({("parameter_openapi_schema",), ("base_job_template", "variables")})
"""Paths of JSON Schemas: a property named `token` there is a description, its defaults are the values."""

NAMED_SUBSCHEMAS: Final = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependentRequired", "dependencies"}
)
"""Keywords whose keys are names that somebody chose: a property may be called `default`, or `enum`."""

SUBSCHEMAS: Final = NAMED_SUBSCHEMAS | {
    "additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "contentSchema", "else", "if", "items",
    "not", "oneOf", "prefixItems", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
}  # fmt: skip
SCHEMA_VALUES: Final = frozenset({"default", "example", "examples", "const", "enum"})

URL_END: Final = re.compile(r"""\s|["'`](?=[\s,;:)\]}"'`]|$)""")
"""A space, or a quote that closes something: a password may hold one."""
CLEAR_HOST: Final = re.compile(r"localhost|[\w-]+(?:\.[\w-]+)++\.?+|[\w.-]++:\d++|\[[^\]]*+\].*", re.DOTALL)
PORT: Final = re.compile(r":\d{1,5}$")
WEB: Final = ("http", "https", "ws", "wss")
QUERY_SECRET: Final = re.compile(
    r"([?&](?:[\w.-]*(?:token|secret|password|passwd|api[-_]?key|signature|sig|access[-_]?key))=)([^&\s#]+)",
    re.IGNORECASE,
)


class Masker:
    """Masks the values of one resource's fields with one key and one list of paths."""

    def __init__(self, key: str, paths: Iterable[str] = ()) -> None:
        """Take the HMAC key and more paths to mask (`field.key.key`, `*` for any key)."""
        self._key = key.encode()
        self._paths = [tuple(path.split(".")) for path in paths]

    def mask(self, field: str, value: Any) -> Any:
        """Return the JSON value of that field with every secret in it masked; the argument stays as it is."""
        return self._walk(value, (field,))

    def _walk(self, value: Any, path: Path) -> Any:
        if self._is_configured(path):
            return self._mask_leaves(value)
        if isinstance(value, dict):
            if path in JSON_SCHEMAS:
                return self._walk_schema(value, path, secret=False)
            secret_value = path[0] in ENVIRONMENT_FIELDS and _names_a_secret(value)
            return {
                key: self._mask_leaves(entry)
                if secret_value and key.lower() == "value"
                else self._walk_entry(key, entry, (*path, key))
                for key, entry in value.items()
            }
        if isinstance(value, list):
            return [self._walk(entry, (*path, str(at))) for at, entry in enumerate(value)]
        return self._mask_text(value) if isinstance(value, str) else value

    def _walk_entry(self, key: str, entry: Any, path: Path) -> Any:
        if SECRET_KEY.search(key):
            return self._mask_leaves(entry)
        if _is_environment(key, path):
            return self._mask_environment(entry)
        return self._walk(entry, path)

    def _walk_schema(self, schema: Any, path: Path, *, secret: bool) -> Any:
        """Mask the values in a schema: all of them when it is `secret`, which is a schema under a secret's name."""
        if self._is_configured(path):
            return self._mask_leaves(schema)
        if isinstance(schema, list):
            return [self._walk_schema(entry, (*path, str(at)), secret=secret) for at, entry in enumerate(schema)]
        if not isinstance(schema, dict):
            return self._walk(schema, path)
        return {key: self._walk_keyword(key, entry, (*path, key), secret=secret) for key, entry in schema.items()}

    def _walk_keyword(self, key: str, entry: Any, path: Path, *, secret: bool) -> Any:
        if key in SCHEMA_VALUES and secret:
            return self._mask_leaves(entry)
        if key in NAMED_SUBSCHEMAS and isinstance(entry, dict) and not self._is_configured(path):
            return {name: self._walk_named(name, inner, (*path, name), secret=secret) for name, inner in entry.items()}
        if key in SUBSCHEMAS:
            return self._walk_schema(entry, path, secret=secret)
        # A keyword that JSON Schema does not have may hold values too.
        return self._walk_entry(key, entry, path)

    def _walk_named(self, name: str, schema: Any, path: Path, *, secret: bool) -> Any:
        holds_secrets = bool(SECRET_KEY.search(name)) or _is_environment(name, path)
        return self._walk_schema(schema, path, secret=secret or holds_secrets)

    def _is_configured(self, path: Path) -> bool:
        return any(
            len(path) >= len(rule) and all(want in ("*", have) for want, have in zip(rule, path, strict=False))
            for rule in self._paths
        )

    def _mask_environment(self, entry: Any) -> Any:
        """Mask an environment, which is a mapping, or a list such as `[{"name": "A", "value": "1"}, "B=2"]`."""
        if not isinstance(entry, list):
            return self._mask_leaves(entry)
        return [
            {key: inner if _is_name(key, inner) else self._mask_leaves(inner) for key, inner in variable.items()}
            if isinstance(variable, dict) and variable
            else self._mask_leaves(variable)
            for variable in entry
        ]

    def _mask_leaves(self, value: Any) -> Any:
        """Mask each value but keep the keys, which say what changed."""
        if isinstance(value, dict) and value:
            return {key: self._mask_leaves(entry) for key, entry in value.items()}
        if value is None or value in ({}, [], ""):
            return value
        return {MASKED: self._digest(value)}

    def _mask_text(self, text: str) -> str:
        parts = text.split("://")
        masked = [parts[0], *(self._mask_userinfo(rest, before) for before, rest in pairwise(parts))]
        return QUERY_SECRET.sub(lambda found: f"{found[1]}{self._inline(found[2])}", "://".join(masked))

    def _mask_userinfo(self, rest: str, scheme: str) -> str:
        """Mask the password, or the token, in what follows `://` up to the next one."""
        web = scheme[-5:].lower().endswith(WEB)
        end = _userinfo_end(rest, web=web)
        user, colon, password = rest[: max(end, 0)].partition(":")
        if password:
            return f"{user}:{self._inline(password)}{rest[end:]}"
        if user and not colon and web:
            return f"{self._inline(user)}{rest[end:]}"
        return rest

    def _inline(self, secret: str) -> str:
        return f"{MASKED}-{self._digest(secret)}"

    def _digest(self, value: Any) -> str:
        canonical = json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"))
        return hmac.new(self._key, canonical.encode(), sha256).hexdigest()[:12]


def _userinfo_end(rest: str, *, web: bool) -> int:
    """Return where the `@` after a user's name and password is, or -1; `rest` is what follows `://`.

    A password that nobody percent-encoded may hold `@`, `/`, `?` and `#`. The `@` of a path or a query is told from
    its last `@` by what stands before: a host, or a host with its port. A path like `host:80/@me` is the web's alone.
    """
    run = URL_END.split(rest, maxsplit=1)[0]
    authority = re.split("[/?#]", run, maxsplit=1)[0]
    at = authority.rfind("@")
    if at >= 0:
        return at if CLEAR_HOST.fullmatch(authority, at + 1) else run.rfind("@")
    is_host = ":" not in authority or (web and PORT.search(authority)) or authority.startswith("[")
    return -1 if is_host else run.rfind("@")


def _is_environment(key: str, path: Path) -> bool:
    return path[0] in ENVIRONMENT_FIELDS and key.lower() == "env"


def _is_name(key: str, value: Any) -> bool:
    return key.lower() == "name" and isinstance(value, str)


def _names_a_secret(entry: dict[str, Any]) -> bool:
    return any(_is_name(key, value) and SECRET_KEY.search(value) for key, value in entry.items())


def _canonical(value: Any) -> Any:
    """Write equal JSON numbers equally: PostgreSQL takes `1` and `1.0` for the same, so their masks are too."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _canonical(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_canonical(entry) for entry in value]
    return value
