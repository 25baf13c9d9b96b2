"""Prepares the new process in which it runs, then replaces itself by another program.

It runs as a file, `python -I -S launch.py PARENT DEATH_SIGNAL IDENTITY PROGRAM [ARGUMENT...]`, and imports nothing of
aftercommit, so it costs about ten milliseconds. The alternative, `preexec_fn`, runs between fork and exec and can
deadlock in a process with threads.

- PARENT is the id of the parent process. The new process gets DEATH_SIGNAL when the *thread* that started it ends. So
  start programs from a thread that lives as long as the process, such as the main thread.
- IDENTITY is `same`, or for a parent that runs as root (which PostgreSQL refuses): `namespace` (uid 65534 in a new user
  namespace; outside of it, the files belong to root) or `nobody` (the real uid 65534).

On systems other than Linux there is no death signal, and IDENTITY must be `same` or `nobody`.
"""

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
NOBODY = 65534


def main(arguments: list[str]) -> None:
    """Prepare this process and replace it by the program; return only by an exception.

    Raises:
        OSError: the kernel refuses a step, or the program can't be executed.
        SystemExit: the parent has already ended.
    """
    parent, death_signal, identity, *command = arguments
    _reset_signals()
    # This must precede the death signal: changing the user id clears it.
    if identity == "namespace":
        _enter_namespace()
    elif identity == "nobody":
        _become_nobody()
    if sys.platform == "linux":
        _check(_libc().prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0))
        # If the parent died before `prctl`, the death signal never comes.
        if os.getppid() != int(parent):
            raise SystemExit(f"The parent process {parent} is gone: {command[0]} is not started.")
    os.execv(command[0], command)  # noqa: S606  # Deliberately without a shell.


def _reset_signals() -> None:
    """Restore the default signal handling: Python ignores SIGPIPE, and the parent may block other signals."""
    for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _enter_namespace() -> None:
    uid, gid = os.getuid(), os.getgid()
    _check(_libc().unshare(CLONE_NEWUSER))
    # Old kernels lack this file; newer ones require `deny` before an unprivileged gid map.
    with contextlib.suppress(FileNotFoundError):
        Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


if __name__ == "__main__":
    main(sys.argv[1:])
