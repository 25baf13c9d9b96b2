"""The data folder of `aftercommit up`: one user at a time, its masking key, and the run file for other commands."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import ConfigurationError
from app.local.embedded.secret import kept_secret, write_private
from app.settings.run_file import RUN_FILE, RunFile


@contextmanager
def claimed(data_dir: Path) -> Iterator[bool]:
    """Hold the folder for this process, and make it when it is not there. The kernel lets go when the process dies.

    The value tells whether the holder before was killed, so that its children may still be ending.

    Raises:
        ConfigurationError: another process holds it (the text names it), or it can't be made.
    """
    handle = _open_lock(data_dir)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 20, 0).decode() or "unknown"
            raise ConfigurationError(
                f"Another `aftercommit up` (process {holder}) uses the data folder {data_dir}: "
                "stop it, or choose another with --data-dir."
            ) from None
        was_killed = os.fstat(handle).st_size > 0
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        # A run file that a killed `up` left names servers that are gone.
        (data_dir / RUN_FILE).unlink(missing_ok=True)
        try:
            yield was_killed
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def masking_key(data_dir: Path) -> str:
    """Return the key of this folder for masking secrets, which is made at the first call."""
    return kept_secret(data_dir / "masking.key")


@contextmanager
def announced(data_dir: Path, run: RunFile) -> Iterator[None]:
    """Keep the run file in the folder, readable by its owner only, so that other commands find the servers."""
    write_private(data_dir / RUN_FILE, run.model_dump_json())
    try:
        yield
    finally:
        (data_dir / RUN_FILE).unlink(missing_ok=True)


def _open_lock(data_dir: Path) -> int:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return os.open(data_dir / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigurationError(f"The data folder {data_dir} can't be used: {error.strerror}.") from error
