"""Commands for what does not exist here: they end at once and say something sensible."""

import pytest

from tests.prefect.terminal import Terminal, plain

ID = "0b9a11f4-3a92-4e4e-a8f4-0f7d5d9a7d3c"


@pytest.mark.parametrize(
    "command",
    ["flow-run ls", "task-run ls", "block ls", "block type ls", "variable ls", "artifact ls", "automation ls"],
)
def test_lists_are_empty(command: str, terminal: Terminal) -> None:
    output = terminal.prefect(*command.split())

    assert output.table() == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (f"flow-run inspect {ID}", "aftercommit has no flow runs"),
        (f"flow-run cancel {ID}", "not found"),
        (f"flow-run logs {ID}", "not found"),
        (f"task-run inspect {ID}", "not found"),
        ("block inspect a/b", "not found"),
        ("variable get x", "not found"),
        ("variable inspect x", "not found"),
        ("artifact inspect x", "not found"),
        ("automation inspect x", "not found"),
        ("variable set a b", "aftercommit has no variables"),
    ],
)
def test_what_is_not_there_is_named(command: str, said: str, terminal: Terminal) -> None:
    output = terminal.prefect(*command.split(), code=1)

    assert said in plain(output.text + output.errors)
