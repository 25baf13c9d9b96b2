"""The supervisor: names the output, starts again what dies, gives up in the end, stops all in order."""

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.embedded.process import wait_until
from app.errors import StartupError
from app.supervisor import Output, Program, StopRequests, Supervisor
from app.supervisor import supervisor as supervisor_module

READY = "print('ready', flush=True); "
DIES = "import sys; print('bye'); sys.exit(3)"
STAYS = READY + "import time; time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + STAYS


class World:
    """A supervisor whose words and whose children's lines can be read."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        self.stream = io.StringIO()
        self.requests = StopRequests()
        self.supervisor = Supervisor(self.said.append, self.requests)
        self._output = Output(self.stream, width=4, coloured=False)
        self._folder = folder

    def program(self, name: str, code: str, *, stage: int = 1, patience: float = 10) -> Program:
        """Start a child process that runs this code, under supervision."""
        program = Program(name, [sys.executable, "-c", code], dict(os.environ), self._folder, self._output)
        program.start()
        self.supervisor.add(program, stage=stage, patience=patience)
        return program

    def tick_until(self, condition: Callable[[], bool]) -> None:
        """Let the supervisor look until the condition holds."""
        assert wait_until(condition, timeout=30, check=self.supervisor.tick)

    def lines(self, name: str) -> list[str]:
        """The lines that a child has printed."""
        return [line for line in self.stream.getvalue().splitlines() if line.startswith(name)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A supervisor with signals of its own, stopped at the end of the test."""
    world = World(tmp_path)
    with world.requests:
        yield world
        world.supervisor.stop()


@pytest.fixture(autouse=True)
def _quick_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "RESTART_DELAYS", (0.01, 0.02))


def test_output_is_shown_under_an_aligned_name(world: World) -> None:
    world.program("api", "print('one'); print(); print('two'); " + STAYS)

    world.tick_until(lambda: len(world.lines("api")) == 3)

    assert world.lines("api") == ["api  | one", "api  | two", "api  | ready"]


def test_names_are_coloured_on_a_terminal() -> None:
    stream = io.StringIO()
    output = Output(stream, width=6, coloured=True)

    output.line("api", "x")
    output.line("beat", "y")
    output.line("api", "z")
    output.say("ready")

    first, second, third, own = stream.getvalue().splitlines()
    assert first == "\x1b[36mapi    |\x1b[0m x"
    assert second.startswith("\x1b[33mbeat")
    assert third.startswith("\x1b[36mapi")
    assert own == "\x1b[1mready\x1b[0m"


def test_a_reader_that_went_away_stops_nothing() -> None:
    stream = io.StringIO()
    output = Output(stream, width=6, coloured=False)
    stream.close()

    output.say("into the void")


def test_what_dies_is_started_again_until_it_keeps_dying(world: World) -> None:
    world.program("api", DIES)

    with pytest.raises(StartupError, match=r"api ended with exit code 3 again, 2 restarts did not help"):
        world.tick_until(lambda: False)

    assert world.said == [
        "api ended with exit code 3; starting it again in 0.01 s (try 1 of 2).",
        "api ended with exit code 3; starting it again in 0.02 s (try 2 of 2).",
    ]
    assert world.lines("api") == ["api  | bye"] * 3


def test_restarts_are_earned_back_by_running(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "STEADY_SECONDS", 0.0)
    program = world.program("api", STAYS)

    for time in range(4):
        world.tick_until(lambda: len(world.lines("api")) == time + 1)  # noqa: B023  # It is called at once.
        world.tick_until(program.is_running)
        program.kill()

    assert all("try 1 of 2" in line for line in world.said)


def test_a_death_by_signal_is_named_and_leaves_no_children(world: World, tmp_path: Path) -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); import time; time.sleep(60)"
    program = world.program("work", code)
    world.tick_until(lambda: bool(world.lines("work")))
    grandchild = int(world.lines("work")[0].split("|")[1])
    assert program._process is not None
    os.kill(program._process.pid, signal.SIGKILL)

    world.tick_until(lambda: bool(world.said))

    assert world.said[0].startswith("work was killed by signal 9 (Killed); starting it again")
    assert wait_until(lambda: _is_gone(grandchild), timeout=10)


def test_a_part_that_does_not_start_again_is_given_up(world: World) -> None:
    class Broken:
        name = "PostgreSQL"
        returncode = None

        def start(self, check: Callable[[], object] | None = None) -> None:
            raise StartupError("no space left")

        def is_running(self) -> bool:
            return False

        def ask_to_stop(self) -> None: ...
        def kill(self) -> None: ...

    world.supervisor.add(Broken(), stage=1, patience=1)

    with pytest.raises(StartupError, match="PostgreSQL did not start again"):
        world.tick_until(lambda: False)
    assert world.said.count("no space left") == 2


def test_stages_stop_one_after_the_other(world: World) -> None:
    said_at_end = (
        "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit(0))); "
    )
    for name, stage in (("data", 3), ("api", 1), ("work", 2)):
        world.program(name, said_at_end + STAYS, stage=stage)
    world.tick_until(lambda: world.stream.getvalue().count("ready") == 3)

    world.supervisor.stop()

    order = [line.split()[0] for line in world.stream.getvalue().splitlines() if line.endswith("bye")]
    assert order == ["api", "work", "data"]
    assert world.said == []


def test_what_does_not_stop_is_killed_aloud(world: World) -> None:
    program = world.program("work", STUBBORN, patience=0.1)
    world.tick_until(lambda: bool(world.lines("work")))

    world.supervisor.stop()

    assert program.returncode == -signal.SIGKILL
    assert world.said == ["work did not stop within 0.1 s: killing it."]


def test_a_second_wish_to_stop_hurries(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "HURRIED_PATIENCE", 0.1)
    world.program("work", STUBBORN, patience=600)
    world.tick_until(lambda: bool(world.lines("work")))
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        world.supervisor.run()
    world.supervisor.stop()

    assert world.said == ["work did not stop within 0.1 s: killing it."]


def test_a_wish_to_stop_breaks_in_only_where_it_may() -> None:
    with StopRequests() as requests:
        with pytest.raises(KeyboardInterrupt), requests.interrupting():
            os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGINT)
        assert requests.count == 2
        with pytest.raises(KeyboardInterrupt):
            requests.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True
