"""Random secrets, stored in files that only their owner can read."""

import os
import secrets
from pathlib import Path

from app.errors import StartupError


def load_or_create_secret(path: Path) -> str:
    """Return the secret in the file; if the file is missing, create it with mode 0600 and a random secret.

    Also after a crash, the file is either complete or missing.

    Raises:
        StartupError: the file exists but belongs to another user.
    """
    try:
        return path.read_text().strip()
    except PermissionError as error:
        raise StartupError(f"{path} belongs to another user: choose another data folder.") from error
    except FileNotFoundError:
        write_private(path, secrets.token_hex(24))
        return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Write, atomically, a file that only its owner can read: a reader sees the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
