"""The data folder of `aftercommit up`: its lock, its masking key, and the run file for other commands."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import ConfigurationError
from app.local.embedded.secret import load_or_create_secret, write_private
from app.settings.run_file import RUN_FILE, RunFile


@contextmanager
def lock_data_folder(data_dir: Path) -> Iterator[bool]:
    """Lock the folder for this process; create it if it is missing. The kernel releases the lock if the process dies.

    Yields True if the previous holder was killed: its child processes may still be ending.

    Raises:
        ConfigurationError: another process holds the lock (the text names it), or the folder can't be created.
    """
    handle = _open_lock(data_dir)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 20, 0).decode() or "unknown"
            raise ConfigurationError(
                f"Another `aftercommit up` (process {holder}) uses the data folder {data_dir}: "
                "stop it, or choose another folder with --data-dir."
            ) from None
        was_killed = os.fstat(handle).st_size > 0
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        # The run file of a killed `up` names servers that no longer run.
        (data_dir / RUN_FILE).unlink(missing_ok=True)
        try:
            yield was_killed
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def load_or_create_masking_key(data_dir: Path) -> str:
    """Return the masking key of this folder; create it on the first call."""
    return load_or_create_secret(data_dir / "masking.key")


@contextmanager
def publish_run_file(data_dir: Path, run: RunFile) -> Iterator[None]:
    """Keep the run file, readable by its owner only, in the folder: it tells other commands where the servers are."""
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
