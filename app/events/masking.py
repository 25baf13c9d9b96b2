"""Replaces secret values before anything is stored, so that no snapshot, message, event or log line holds one.

A masked value reads `{"$masked": "<12 hex digits>"}`: the digits are a keyed HMAC of the value, so a change of a
secret shows as a change, and nobody without the key can guess the value by trying.
"""

import hmac
import json
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final

MASKED: Final = "$masked"

SECRET_KEY: Final = re.compile(
    r"pass(word|wd|phrase)?$|^pass(word|wd|phrase)?|secret|token|api[-_.]?key|access[-_.]?key|private[-_.]?key"
    r"|credential|authorization|^auth$|connection[-_.]?string|cookie|^pw$|^pwd$|bearer|signature|^sas$",
    re.IGNORECASE,
)
"""Keys whose values are taken for secrets, wherever they stand."""

URL_WITH_CREDENTIALS: Final = re.compile(r"\b([a-z][a-z0-9+.-]*://)([^/\s:@]*):([^/\s@]+)@", re.IGNORECASE)
URL_WITH_TOKEN: Final = re.compile(r"\b(https?://)([^/\s:@]+)@", re.IGNORECASE)
QUERY_SECRET: Final = re.compile(
    r"([?&](?:[\w.-]*(?:token|secret|password|passwd|api[-_]?key|signature|sig|access[-_]?key))=)([^&\s#]+)",
    re.IGNORECASE,
)

ENVIRONMENTS: Final = ("infra_overrides.env", "base_job_template.variables.properties.env.default")
"""Every value under these paths is masked: an environment holds secrets under any name."""

JSON_SCHEMAS: Final = frozenset({"parameter_openapi_schema"})
"""Fields that describe values: a property named `token` there is a description, its defaults are the values."""


class Masker:
    """Masks the values of one resource's fields with one key and one list of paths."""

    def __init__(self, key: str, paths: Iterable[str] = ()) -> None:
        """Take the HMAC key and more paths to mask (`field.key.key`, `*` for any key)."""
        self._key = key.encode()
        self._paths = [tuple(path.split(".")) for path in (*ENVIRONMENTS, *paths)]

    def mask(self, field: str, value: Any) -> Any:
        """Return the JSON value of that field with every secret in it masked; the argument stays as it is."""
        return self._walk(value, (field,), schema=field in JSON_SCHEMAS)

    def _walk(self, value: Any, path: tuple[str, ...], *, schema: bool) -> Any:
        if value is not None and self._is_configured(path):
            return self._mask_leaves(value)
        if isinstance(value, dict):
            return {key: self._entry(key, entry, (*path, str(key)), schema=schema) for key, entry in value.items()}
        if isinstance(value, list):
            return [self._walk(entry, (*path, str(at)), schema=schema) for at, entry in enumerate(value)]
        return self._mask_text(value) if isinstance(value, str) else value

    def _entry(self, key: str, entry: Any, path: tuple[str, ...], *, schema: bool) -> Any:
        if schema and isinstance(entry, dict):
            secret = bool(SECRET_KEY.search(key))
            return {
                name: self._mask_leaves(inner)
                if secret and name in {"default", "example", "examples", "const", "enum"}
                else self._entry(name, inner, (*path, str(name)), schema=True)
                for name, inner in entry.items()
            }
        if not schema and entry is not None and SECRET_KEY.search(key):
            return self._mask_leaves(entry)
        return self._walk(entry, path, schema=schema)

    def _is_configured(self, path: tuple[str, ...]) -> bool:
        return any(
            len(path) >= len(rule) and all(want in ("*", have) for want, have in zip(rule, path, strict=False))
            for rule in self._paths
        )

    def _mask_leaves(self, value: Any) -> Any:
        """Mask each value but keep the keys, which say what changed."""
        if isinstance(value, dict) and value:
            return {key: self._mask_leaves(entry) for key, entry in value.items()}
        if value is None or value in ({}, [], ""):
            return value
        return {MASKED: self._digest(value)}

    def _mask_text(self, text: str) -> str:
        text = URL_WITH_CREDENTIALS.sub(lambda found: f"{found[1]}{found[2]}:{MASKED}-{self._digest(found[3])}@", text)
        text = URL_WITH_TOKEN.sub(lambda found: f"{found[1]}{MASKED}-{self._digest(found[2])}@", text)
        return QUERY_SECRET.sub(lambda found: f"{found[1]}{MASKED}-{self._digest(found[2])}", text)

    def _digest(self, value: Any) -> str:
        canonical = json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"))
        return hmac.new(self._key, canonical.encode(), sha256).hexdigest()[:12]


def _canonical(value: Any) -> Any:
    """Write equal JSON numbers equally: PostgreSQL takes `1` and `1.0` for the same, so their masks are too."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _canonical(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_canonical(entry) for entry in value]
    return value
