"""As whom PostgreSQL runs when we are root, which it refuses to be."""

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
    """Return as whom to run the programs below `install`, and the folder to run them from.

    An ordinary user runs them as itself. Root runs them as uid 65534 inside a user namespace, where the files stay
    root's; and where the kernel or a container bars that, as uid 65534 for real, then from a copy below `home` if
    the originals are out of its reach. `home` is made the property of whoever that is.

    Raises:
        StartupError: uid 65534 can't reach `home`; the text says what to do.
    """
    if os.geteuid() != 0:
        return "same", install
    identity: Identity = "namespace"
    owner = os.geteuid()
    if not _can_run(identity, install / "bin" / "initdb", "--version"):
        identity, owner = "nobody", NOBODY
        if not _can_run(identity, install / "bin" / "initdb", "--version"):
            install = _copy(install, home)
    _give(home, owner)
    # Both lack root's right to pass closed folders.
    if not _can_run(identity, Path("/bin/sh"), "-c", 'cd "$0"', str(home)):
        raise StartupError(
            f"PostgreSQL does not run as root, and the user {NOBODY} that it runs as instead can't enter {home}. "
            "Give a data folder that every user may enter, for example --data-dir /var/lib/aftercommit."
        )
    return identity, install


def _can_run(identity: Identity, program: Path, *arguments: str) -> bool:
    """Tell by trying whether this machine lets us run a program in this way, and whether it succeeds."""
    process = spawn([program, *arguments], env={}, death_signal=signal.SIGKILL, identity=identity)
    try:
        return process.wait(_PROBE_TIMEOUT) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False


def _copy(install: Path, home: Path) -> Path:
    """Copy the programs below `home` once; they look for their libraries three folders above."""
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


def _give(home: Path, uid: int) -> None:
    """Make the user the owner of a folder and all in it; cheap when it is already."""
    if home.stat().st_uid == uid:
        return
    for path in sorted(home.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)
    # The folder itself is last: after a crash half-way, the next start does it again.
    os.chown(home, uid, uid)
