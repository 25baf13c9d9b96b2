"""Chooses the user for PostgreSQL when root starts it, and prepares the process before the program is executed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.errors import StartupError
from app.local.embedded import identity, launch

CanRun = Callable[..., bool]


@pytest.fixture
def install(tmp_path: Path) -> Path:
    """A program folder laid out as in the wheel: the libraries are three folders above `bin`."""
    install = tmp_path / "site/wheel/pginstall18"
    (install / "bin").mkdir(parents=True)
    (install / "bin/initdb").write_text("program")
    (install / "include").mkdir()
    (tmp_path / "site/wheel.libs").mkdir()
    (tmp_path / "site/wheel.libs/libpq.so").write_text("library")
    return install


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home folder for PostgreSQL."""
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    return home


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> dict[Path, int]:
    """Run the test as a fake root; changes of ownership are only recorded."""
    owners: dict[Path, int] = {}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, uid, _gid, **_: owners.update({path: uid}))
    return owners


def _allow(monkeypatch: pytest.MonkeyPatch, allowed: CanRun) -> None:
    monkeypatch.setattr(identity, "_can_run", allowed)


def test_an_ordinary_user_runs_postgresql_itself(install: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert identity.choose_identity(install, home) == ("same", install)


@pytest.mark.usefixtures("owners")
def test_root_uses_a_namespace_where_possible(install: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _allow(monkeypatch, lambda who, *_: who == "namespace")

    assert identity.choose_identity(install, home) == ("namespace", install)


def test_root_becomes_nobody_where_namespaces_are_forbidden(
    install: Path, home: Path, owners: dict[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _allow(monkeypatch, lambda who, *_: who == "nobody")

    assert identity.choose_identity(install, home) == ("nobody", install)
    assert list(owners.items()) == [(home / "data", launch.NOBODY), (home, launch.NOBODY)]


@pytest.mark.usefixtures("owners")
def test_programs_that_are_not_accessible_are_copied_with_their_libraries(
    install: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _allow(monkeypatch, lambda who, program, *_: who == "nobody" and program.name == "sh")

    for _ in range(2):
        who, copy = identity.choose_identity(install, home)

    assert who == "nobody"
    assert copy == home / "programs/wheel/pginstall18"
    assert (copy / "bin/initdb").read_text() == "program"
    assert (copy / "bin/../../../wheel.libs/libpq.so").read_text() == "library"
    assert not (copy / "include").exists()


@pytest.mark.usefixtures("owners")
def test_a_folder_that_is_not_accessible_is_reported_with_a_remedy(
    install: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _allow(monkeypatch, lambda who, program, *_: program.name != "sh")

    with pytest.raises(StartupError, match="--data-dir"):
        identity.choose_identity(install, home)


class FakeLibrary:
    """A fake C library that records its calls."""

    def __init__(self, steps: list[str], result: int) -> None:
        self._steps = steps
        self._result = result

    def prctl(self, option: int, value: int, *_: int) -> int:
        self._steps.append(f"prctl {option} {value}")
        return self._result

    def unshare(self, flags: int) -> int:
        self._steps.append(f"unshare {flags:#x}")
        return self._result


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The system calls of the preparations: recorded, not executed."""
    steps: list[str] = []
    monkeypatch.setattr(launch, "_reset_signals", lambda: steps.append("signals"))
    monkeypatch.setattr(launch, "_libc", lambda: FakeLibrary(steps, 0))
    monkeypatch.setattr(os, "getppid", lambda: 7)
    for name in ("setgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, lambda value, name=name: steps.append(f"{name} {value}"))
    monkeypatch.setattr(Path, "write_text", lambda path, text: steps.append(f"{path} {text}"))
    monkeypatch.setattr(os, "execv", lambda program, _: steps.append(f"exec {program}"))
    return steps


def test_the_death_signal_is_set_after_the_change_of_user_which_would_clear_it(steps: list[str]) -> None:
    launch.main(["7", "2", "nobody", "/bin/postgres"])

    assert steps == ["signals", "setgroups []", "setgid 65534", "setuid 65534", "prctl 1 2", "exec /bin/postgres"]


def test_a_namespace_maps_nobody_to_its_creator(steps: list[str]) -> None:
    launch.main(["7", "2", "namespace", "/bin/postgres"])

    uid, gid = os.getuid(), os.getgid()
    assert steps[1:5] == [
        "unshare 0x10000000",
        "/proc/self/setgroups deny",
        f"/proc/self/uid_map 65534 {uid} 1",
        f"/proc/self/gid_map 65534 {gid} 1",
    ]


def test_a_dead_parent_is_noticed_after_the_death_signal_is_set(steps: list[str]) -> None:
    with pytest.raises(SystemExit, match="8 is gone"):
        launch.main(["8", "2", "same", "/bin/postgres"])
    assert steps == ["signals", "prctl 1 2"]


def test_an_error_of_the_kernel_is_reported(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_libc", lambda: FakeLibrary(steps, -1))

    with pytest.raises(OSError):  # noqa: PT011  # Any errno: the fake sets none.
        launch.main(["7", "2", "same", "/bin/postgres"])
