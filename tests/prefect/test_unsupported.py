"""Prefect commands for unsupported resources: each ends at once with a clear message."""

import json
import re

from tests.prefect.terminal import Terminal, plain

ID = "0b9a11f4-3a92-4e4e-a8f4-0f7d5d9a7d3c"
NO_SUCH_COMMAND = 2
TRIGGER = {"type": "event", "expect": ["x"], "posture": "Reactive", "threshold": 1}
AUTOMATION = json.dumps({"name": "a", "trigger": TRIGGER, "actions": [{"type": "do-nothing"}]})

EMPTY = ("block ls", "block type ls", "variable ls", "artifact ls", "automation ls", "flow-run ls", "task-run ls")
NAMED = {
    # 3.9.1 prints "not found"; the other versions print the error from the API.
    f"flow-run inspect {ID}": "aftercommit has no flow runs|not found",
    f"flow-run execute {ID}": "aftercommit has no flow runs",
    f"flow-run cancel {ID}": "not found",
    f"flow-run delete {ID}": "not found",
    f"flow-run logs {ID}": "not found",
    f"flow-run retry {ID}": "not found",
    f"flow-run watch {ID}": "not found",
    f"task-run inspect {ID}": "not found",
    f"task-run logs {ID}": "not found",
    "block inspect a/b": "not found",
    "block delete a/b": "not found",
    "block create t": "not found",
    "block type inspect t": "not found",
    "block type delete t": "not found",
    "block register -m prefect.blocks.system": "aftercommit has no block types",
    "variable get x": "not found",
    "variable inspect x": "not found",
    "variable unset x": "not found",
    "variable delete x": "not found",
    "variable set a b": "aftercommit has no variables",
    "artifact inspect x": "not found",
    "artifact delete x": "not found",
    f"artifact delete --id {ID}": "not found",
    "automation inspect x": "not found",
    "automation pause x": "not found",
    "automation resume x": "not found",
    "automation delete x": "not found",
    f"automation update --id {ID} --from-json AUTOMATION": "not found",
    "automation create --from-json AUTOMATION": "aftercommit has no automations",
    "task serve tasks.py:nothing": "HTTP 404",
}


def run_all(terminal: Terminal, *commands: str) -> list[tuple[str, int, str]]:
    """Run the commands; return those that this version has, with exit code and output."""
    ended = []
    for command in commands:
        output = terminal.run_to_end(*(AUTOMATION if word == "AUTOMATION" else word for word in command.split()))
        if output.code != NO_SUCH_COMMAND:
            ended.append((command, output.code, plain(output.text + output.errors)))
    return ended


def test_an_unsupported_list_is_an_empty_table(terminal: Terminal) -> None:
    found = run_all(terminal, *EMPTY)

    assert [command for command, code, _ in found if code == 0] == list(EMPTY)
    assert [text for _, _, text in found if "│" in text] == []


def test_an_unsupported_command_fails_with_a_clear_message(terminal: Terminal) -> None:
    (terminal.folder / "tasks.py").write_text("from prefect import task\n\n\n@task\ndef nothing(): ...\n")

    found = run_all(terminal, *NAMED)

    assert [(command, text) for command, _, text in found if not re.search(NAMED[command], text)] == []
    # For this command 3.4.25 prints the error and exits with 0.
    assert {command for command, code, _ in found if code != 1} <= {"task serve tasks.py:nothing"}
    assert len(found) >= len(NAMED) - 3
