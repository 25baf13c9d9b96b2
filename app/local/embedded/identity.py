"""Chooses the user for PostgreSQL if `up` runs as root: PostgreSQL refuses to run as root."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from app.errors import StartupError
from app.local.embedded.launch import NOBODY
from app.local.embedded.process import Identity, spawn

_PROBE_TIMEOUT = 10
_LIBRARIES = "*.libs"


def choose_identity(install: Path, home: Path) -> tuple[Identity, Path]:
    """Return the identity under which to run the programs below `install`, and the folder to run them from.

    - An ordinary user runs them as itself.
    - Root runs them as uid 65534 inside a user namespace; outside of it, the files belong to root.
    - If the kernel or a container forbids that, root runs them as the real uid 65534, from a copy below `home` if that
      user can't run the originals.

    For root, `home` and everything in it gets the owner that the identity needs.

    Raises:
        StartupError: uid 65534 can't enter `home`; the text says what to do.
    """
    if os.geteuid() != 0:
        return "same", install
    identity: Identity = "namespace"
    owner = os.geteuid()
    if not _can_run(identity, install / "bin" / "initdb", "--version"):
        identity, owner = "nobody", NOBODY
        if not _can_run(identity, install / "bin" / "initdb", "--version"):
            install = _copy(install, home)
    _change_owner(home, owner)
    # Both identities lack root's right to enter folders that are closed to other users.
    if not _can_run(identity, Path("/bin/sh"), "-c", 'cd "$0"', str(home)):
        raise StartupError(
            f"PostgreSQL refuses to run as root. It runs as user {NOBODY} instead, who can't enter {home}. "
            "Choose a data folder that every user may enter, for example --data-dir /var/lib/aftercommit."
        )
    return identity, install


def _can_run(identity: Identity, program: Path, *arguments: str) -> bool:
    """Try to run a program under this identity; return whether it succeeds."""
    process = spawn([program, *arguments], env={}, death_signal=signal.SIGKILL, identity=identity)
    try:
        return process.wait(_PROBE_TIMEOUT) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False


def _copy(install: Path, home: Path) -> Path:
    """Copy the programs below `home`, once, with the libraries that they look for three folders above."""
    root = home / "programs"
    copy = root / install.parent.name / install.name
    if not copy.is_dir():
        draft = home / "programs.new"
        shutil.rmtree(draft, ignore_errors=True)
        unneeded = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(install, draft / install.parent.name / install.name, symlinks=True, ignore=unneeded)
        for libraries in install.parent.parent.glob(f"{install.parent.name}{_LIBRARIES}"):
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        shutil.rmtree(root, ignore_errors=True)
        draft.replace(root)
    return copy


def _change_owner(home: Path, uid: int) -> None:
    """Make the user the owner of a folder and everything in it; do nothing if it owns the folder already."""
    if home.stat().st_uid == uid:
        return
    for path in sorted(home.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)
    # The folder itself comes last: after a crash half-way, the next start repeats the work.
    os.chown(home, uid, uid)
