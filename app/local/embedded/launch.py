"""Becomes another program, after the preparations that only the new process itself can make.

It is run as a file, `python -I -S launch.py PARENT DEATH_SIGNAL IDENTITY PROGRAM [ARGUMENT...]`, and imports nothing of
aftercommit, so that it costs some ten milliseconds. Code between fork and exec of a process with threads
(`preexec_fn`) can deadlock; this can't.

- PARENT is the process id of the starter. The new process gets DEATH_SIGNAL when the *thread* that started it ends,
  so start programs from a thread that lives as long as the process, which the main thread does.
- IDENTITY is `same`, or for root, whom PostgreSQL refuses: `namespace` (uid 65534 in a user namespace of its own,
  whose files belong to root outside) or `nobody` (uid 65534 for real).

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
        SystemExit: the starter is gone already.
    """
    parent, death_signal, identity, *command = arguments
    _reset_signals()
    # Before the death signal: a change of the user id clears it.
    if identity == "namespace":
        _enter_namespace()
    elif identity == "nobody":
        _become_nobody()
    if sys.platform == "linux":
        _check(_libc().prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0))
        # The starter may have died before the kernel knew of our wish; then nobody would ever stop us.
        if os.getppid() != int(parent):
            raise SystemExit(f"The starter {parent} is gone: {command[0]} is not started.")
    os.execv(command[0], command)  # noqa: S606  # No shell is the point.


def _reset_signals() -> None:
    """Give the program the signal handling of a fresh login: Python ignores SIGPIPE, a starter may block others."""
    for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _enter_namespace() -> None:
    uid, gid = os.getuid(), os.getgid()
    _check(_libc().unshare(CLONE_NEWUSER))
    # Old kernels have no such file; newer ones want it denied before an unprivileged group map.
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
