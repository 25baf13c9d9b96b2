"""Which values are secrets: by their keys, by the field that they are in, and by what the settings say."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from functools import lru_cache, partial
from typing import Any, Final

Path = tuple[str, ...]
"""The keys that lead from a field to a value: `("env", "TOKEN")`; the index of a list is a key, `*` is any key."""

SECRET_KEY: Final = re.compile(
    r"pass(word|wd|phrase)?$|^pass(word|wd|phrase)?|secret|token|api[-_.]?key|access[-_.]?key|private[-_.]?key"
    r"|credential|authorization|^auth$|connection[-_.]?string|cookie|^pw$|^pwd$|bearer|signature|^sas$",
    re.IGNORECASE,
)
"""Keys whose values are taken for secrets, wherever they stand."""

ENVIRONMENT_FIELDS: Final = frozenset(
    {"base_job_template", "infra_overrides", "job_variables", "pull_steps", "storage_configuration"}
)
"""Fields that describe a process: an `env` in them holds secrets under any name."""

JSON_SCHEMAS: Final[Mapping[str, tuple[Path, ...]]] = {
    "parameter_openapi_schema": ((),),
    "base_job_template": (("variables",),),
}
"""Where JSON Schemas are: a property named `token` there is a description, its defaults are the values."""

CACHED_KEYS: Final = 4096
CACHED_KEY_LENGTH: Final = 64
"""Longer keys are looked at each time: what a client invents must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a place in a field: the rest of each path that leads further down from it.

    A path without a rest has arrived: it is about this value, and all that is below it.
    """

    has_environments: bool
    schemas: tuple[Path, ...] = ()
    masked: tuple[Path, ...] = ()
    unmasked: tuple[Path, ...] = ()
    is_schema: bool = field(init=False, compare=False)
    """Whether a JSON Schema stands here."""
    is_masked: bool = field(init=False, compare=False)
    """Whether the settings say that this is a secret."""
    is_unmasked: bool = field(init=False, compare=False)
    """Whether the settings say that this is none, and nothing closer to it says the opposite."""
    _leads_on: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Told once: a value is looked at more often than a place is made.
        object.__setattr__(self, "is_schema", () in self.schemas)
        object.__setattr__(self, "is_masked", () in self.masked)
        object.__setattr__(self, "is_unmasked", () in self.unmasked and not self.is_masked)
        object.__setattr__(self, "_leads_on", any((*self.schemas, *self.masked, *self.unmasked)))

    def below(self, key: str) -> "Place":
        """Return the place of the value under that key."""
        if not self._leads_on:
            return ANYWHERE[self.has_environments]
        return Place(
            self.has_environments, _rests(self.schemas, key), _rests(self.masked, key), _rests(self.unmasked, key)
        )


ANYWHERE: Final = {has_environments: Place(has_environments) for has_environments in (True, False)}
"""The places to which no path leads."""


def _rests(paths: Iterable[Path], key: str) -> tuple[Path, ...]:
    return tuple(path[1:] for path in paths if path and path[0] in ("*", key))


@dataclass(frozen=True)
class Rules:
    """The built-in rules, and those of the settings.

    Args:
        keys: more keys of secrets, as patterns: `license`, `*_dsn`; `*` stands for any characters, case for nothing.
        masked: more values to mask, as `field.key.key`; `*` stands for any key.
        unmasked: values that no rule about keys applies to, in the same form. A masked path comes before it.
    """

    keys: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    unmasked: tuple[str, ...] = ()
    _looks_secret: Callable[[str], bool] = field(init=False, repr=False, compare=False)
    _remembered: Callable[[str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        looks_secret = partial(_matches_any, (SECRET_KEY, *map(_pattern, self.keys)))
        object.__setattr__(self, "_looks_secret", looks_secret)
        object.__setattr__(self, "_remembered", lru_cache(CACHED_KEYS)(looks_secret))

    def place(self, of: str) -> Place:
        """Return the place of a field's value."""
        return Place(
            of in ENVIRONMENT_FIELDS,
            JSON_SCHEMAS.get(of, ()),
            _rests(map(_path, self.masked), of),
            _rests(map(_path, self.unmasked), of),
        )

    def is_secret(self, key: str) -> bool:
        """Tell whether a value under that key is a secret, wherever it stands."""
        return self._remembered(key) if len(key) <= CACHED_KEY_LENGTH else self._looks_secret(key)

    def fields(self) -> set[str]:
        """Return the fields that the paths of the settings begin with."""
        return {_path(text)[0] for text in (*self.masked, *self.unmasked)}


def is_environment(key: str, place: Place) -> bool:
    """Tell whether an environment stands there under that key."""
    return place.has_environments and key.lower() == "env"


def is_name(key: str, value: Any) -> bool:
    """Tell whether it is the name in an entry such as `{"name": "A", "value": "1"}`."""
    return isinstance(value, str) and key.lower() == "name"


def _pattern(key: str) -> re.Pattern[str]:
    literal = key.replace("[", "[[]").replace("?", "[?]")
    return re.compile(rf"\A{translate(literal)}", re.IGNORECASE)


def _path(text: str) -> Path:
    return tuple(text.split("."))


def _matches_any(patterns: tuple[re.Pattern[str], ...], key: str) -> bool:
    return any(pattern.search(key) for pattern in patterns)
