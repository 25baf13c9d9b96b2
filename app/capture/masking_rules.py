"""The rules that decide which values are secrets: by key, by field, and by the paths in the settings."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from functools import lru_cache, partial
from hashlib import sha256
from typing import Any, Final

Path = tuple[str, ...]
"""The keys from a field down to a value: `("env", "TOKEN")`. A list index is a key, and `*` matches any key."""

SECRET_PART: Final = re.compile(
    r"password|passwd|passphrase|passcode|secret|token|credential|authorization|cookie|bearer|signature"
    r"|(?:api|access|account|auth|encryption|master|private|session|shared|signing|ssh|storage)[-_. ]?key"
    r"|connection[-_. ]?string",
    re.IGNORECASE,
)
"""A key that contains one of these is secret, anywhere in a field. `docs/security.md` lists examples of all rules."""
LAST_WORDS: Final = frozenset({"auth", "cred", "creds", "dsn", "jwt", "pass", "pw", "pwd", "sas", "sig"})
"""A key that ends with one of these words is secret: `db_pwd`, `x-auth`, `sentryDsn`."""
WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

ENVIRONMENT_FIELDS: Final = frozenset(
    {"base_job_template", "infra_overrides", "job_variables", "pull_steps", "storage_configuration"}
)
"""Fields that describe a process. All values of an `env` in them count as secrets, whatever their names."""

JSON_SCHEMAS: Final[Mapping[str, tuple[Path, ...]]] = {
    "parameter_openapi_schema": ((),),
    "base_job_template": (("variables",),),
}
"""The paths of JSON Schemas, by field. A property named `token` there is not a secret, but its default is."""

CACHED_KEYS: Final = 4096
CACHED_KEY_LENGTH: Final = 64
"""Longer keys are not cached, so that keys sent by clients cannot fill the memory."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a field's value, with the paths that pass through it.

    Each path contains only its remaining keys, from this position down. An empty path ends here: it applies to this
    value and to everything below it.

    Attributes:
        has_environments: whether the field is one of `ENVIRONMENT_FIELDS`.
        schemas: the paths to JSON Schemas.
        masked: the paths that the settings mask.
        unmasked: the paths that the settings unmask.
    """

    has_environments: bool
    schemas: tuple[Path, ...] = ()
    masked: tuple[Path, ...] = ()
    unmasked: tuple[Path, ...] = ()
    is_schema: bool = field(init=False, compare=False)
    """Whether this value is a JSON Schema."""
    is_masked: bool = field(init=False, compare=False)
    """Whether a masked path ends here."""
    is_unmasked: bool = field(init=False, compare=False)
    """Whether an unmasked path ends here, and no masked path."""
    _has_longer_paths: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Computed once, because they are read more often than places are created.
        object.__setattr__(self, "is_schema", () in self.schemas)
        object.__setattr__(self, "is_masked", () in self.masked)
        object.__setattr__(self, "is_unmasked", () in self.unmasked and not self.is_masked)
        object.__setattr__(self, "_has_longer_paths", any((*self.schemas, *self.masked, *self.unmasked)))

    def below(self, key: str) -> "Place":
        """Return the place of the value under that key."""
        if not self._has_longer_paths:
            return WITHOUT_PATHS[self.has_environments]
        return Place(
            self.has_environments, _below(self.schemas, key), _below(self.masked, key), _below(self.unmasked, key)
        )


WITHOUT_PATHS: Final = {has_environments: Place(has_environments) for has_environments in (True, False)}
"""The places without paths, by `has_environments`. Most values share them."""


def _below(paths: Iterable[Path], key: str) -> tuple[Path, ...]:
    """Return the remaining keys of the paths that begin with this key."""
    return tuple(path[1:] for path in paths if path and path[0] in ("*", key))


@dataclass(frozen=True)
class Rules:
    """The built-in rules and the additional rules of the settings.

    Args:
        keys: patterns of additional secret keys: `license`, `*_dsn`. `*` matches any characters; case is ignored.
        masked: paths of additional values to mask, as `field.key.key`. `*` matches any key.
        unmasked: paths of values that the rules about keys do not mask. A path that is also `masked` is masked.
    """

    keys: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    unmasked: tuple[str, ...] = ()
    _looks_secret: Callable[[str], bool] = field(init=False, repr=False, compare=False)
    _looks_secret_cached: Callable[[str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        looks_secret = partial(_looks_secret, tuple(map(_pattern, self.keys)))
        object.__setattr__(self, "_looks_secret", looks_secret)
        object.__setattr__(self, "_looks_secret_cached", lru_cache(CACHED_KEYS)(looks_secret))

    def place(self, field_name: str) -> Place:
        """Return the place of a field's whole value."""
        return Place(
            field_name in ENVIRONMENT_FIELDS,
            JSON_SCHEMAS.get(field_name, ()),
            _below(map(_path, self.masked), field_name),
            _below(map(_path, self.unmasked), field_name),
        )

    def is_secret(self, key: str) -> bool:
        """Return whether values under this key are secrets, anywhere in a field."""
        return self._looks_secret_cached(key) if len(key) <= CACHED_KEY_LENGTH else self._looks_secret(key)

    def fingerprints(self) -> dict[str, str]:
        """Return a SHA-256 of each setting, by its name. The order of the rules in a setting does not matter."""
        settings = {
            "AFTERCOMMIT_MASKED_KEYS": self.keys,
            "AFTERCOMMIT_MASKED_PATHS": self.masked,
            "AFTERCOMMIT_UNMASKED_PATHS": self.unmasked,
        }
        return {name: sha256(json.dumps(sorted(set(rules))).encode()).hexdigest() for name, rules in settings.items()}

    def fields(self) -> set[str]:
        """Return the first parts of the settings' paths: names of fields, or `*`."""
        return {_path(text)[0] for text in (*self.masked, *self.unmasked)}


def is_environment(key: str, place: Place) -> bool:
    """Return whether the value under this key is an environment."""
    return place.has_environments and key.lower() == "env"


def is_name(key: str, value: Any) -> bool:
    """Return whether this is the name in an object such as `{"name": "A", "value": "1"}`."""
    return isinstance(value, str) and key.lower() == "name"


def _pattern(key: str) -> re.Pattern[str]:
    # `fnmatch` also treats `[` and `?` as special; here only `*` is.
    literal = key.replace("[", "[[]").replace("?", "[?]")
    return re.compile(rf"\A{translate(literal)}", re.IGNORECASE)


def _path(text: str) -> Path:
    return tuple(text.split("."))


def _looks_secret(patterns: tuple[re.Pattern[str], ...], key: str) -> bool:
    if SECRET_PART.search(key) or any(pattern.search(key) for pattern in patterns):
        return True
    # The last word is near the end. A longer part of the key cannot be one of these words.
    words = WORD.findall(key[-8:])
    return bool(words) and words[-1].lower() in LAST_WORDS and _is_whole_word(key, words[-1])


def _is_whole_word(key: str, word: str) -> bool:
    """Return whether the word is at the end of the key and begins there: `x-auth`, `xAuth`, but not `author-oauth`."""
    before = key.removesuffix(word)
    return before != key and (not before or not (before[-1].isalpha() and before[-1].islower() == word[0].islower()))
