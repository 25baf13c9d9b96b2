"""The output of each child process is printed after its name."""

import io

from app.local.supervisor import Output
from tests.unit.local.supervisor.supervised import STAYS, Supervised


def test_output_is_shown_under_an_aligned_name(supervised: Supervised) -> None:
    supervised.program("api", "print('one'); print(); print('two'); " + STAYS)

    supervised.tick_until(lambda: len(supervised.lines("api")) == 3)

    assert supervised.lines("api") == ["api  | one", "api  | two", "api  | ready"]


def test_names_are_coloured_on_a_terminal() -> None:
    stream = io.StringIO()
    output = Output(stream, width=6, coloured=True)

    output.line("api", "x")
    output.line("beat", "y")
    output.line("api", "z")
    output.say("ready", "ready")

    first, second, third, own = stream.getvalue().splitlines()
    assert first == "\x1b[36mapi    |\x1b[0m x"
    assert second.startswith("\x1b[33mbeat")
    assert third.startswith("\x1b[36mapi")
    assert own == "\x1b[1mready\x1b[0m"


def test_a_closed_output_stops_nothing() -> None:
    stream = io.StringIO()
    output = Output(stream, width=6, coloured=False)
    stream.close()

    output.say("lost", "into the void")
