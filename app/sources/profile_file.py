"""Reads profiles from TOML files: the ones that belong to aftercommit, by name, and those of users, by path."""

import tomllib
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.errors import InvalidProfile
from app.sources.profile import Profile

FOLDER: Final = Path(__file__).parent / "profiles"
MAX_BYTES: Final = 1024 * 1024


def read_profile_text(name_or_path: str) -> str:
    """Return the text of a profile: of ours if it has this name, otherwise of the file at this path.

    Raises:
        InvalidProfile: there is no such profile, or the file cannot be read.
    """
    own = _own_profiles()
    path = own.get(name_or_path) or Path(name_or_path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise InvalidProfile(
            f"The profile {name_or_path} cannot be read: {reason}. "
            f"Give the path of a TOML file, or one of: {', '.join(sorted(own))}."
        ) from error
    if len(data) > MAX_BYTES:
        raise InvalidProfile(f"The profile {name_or_path} is larger than a megabyte.")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidProfile(f"The profile {name_or_path} is not UTF-8 text.") from error


def profile_text(name_or_text: str) -> str:
    """Return the text of a profile of ours if it has this name, otherwise the text itself. No other file is read."""
    path = _own_profiles().get(name_or_text)
    return name_or_text if path is None else path.read_text(encoding="utf-8")


def _own_profiles() -> dict[str, Path]:
    return {path.stem: path for path in FOLDER.glob("*.toml")}


def parse_profile(text: str) -> Profile:
    """Return the profile that a TOML text declares.

    Raises:
        InvalidProfile: the text is no TOML, or declares no valid profile. The text names each place and reason.
    """
    try:
        return Profile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InvalidProfile(f"The profile is not TOML: {error}.") from error
    except ValidationError as error:
        lines = [f"  {_place(details)}: {_reason(details)}" for details in error.errors()]
        raise InvalidProfile("\n".join(["The profile is not valid:", *lines])) from None


def _place(details: ErrorDetails) -> str:
    # pydantic names the key of a table as `[key]` after it.
    parts = [str(part) for part in details["loc"] if part != "[key]"]
    return ".".join(parts) or "as a whole"


def _reason(details: ErrorDetails) -> str:
    match details["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is not a key of a profile"
        case "value_error":
            return str(details["ctx"]["error"])
        case _:
            return details["msg"].lower()
