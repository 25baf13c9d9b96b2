"""Random secrets that are kept in a file which only its owner can read."""

import os
import secrets
from pathlib import Path

from app.errors import StartupError


def kept_secret(path: Path) -> str:
    """Return the secret in the file, which is made with mode 0600 and a random content when it is not there.

    A file is complete or absent, also after a crash, because it appears under its name only when it is written.

    Raises:
        StartupError: the file is there but belongs to another user.
    """
    try:
        return path.read_text().strip()
    except PermissionError as error:
        raise StartupError(f"{path} belongs to another user: choose another data folder.") from error
    except FileNotFoundError:
        write_private(path, secrets.token_hex(24))
        return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step: a reader sees the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
