"""The settings, tests, commands, targets, files and links in the documents exist. Decisions have the required form."""

import ast
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from app.settings import Settings
from tests.contract.documented_commands import commands_named, problem_with
from tests.contract.documents import (
    DECISIONS,
    DECISIONS_INDEX,
    DOCUMENTS,
    README,
    ROOT,
    anchors_of,
    code_in,
    headings_of,
    links_in,
    rows_under,
)

PREFIX: Final = "AFTERCOMMIT_"
PROMISES: Final = [f"P{number}" for number in range(1, 10)]
DECISION_HEADINGS: Final = ["## Context", "## Decision", "## Consequences", "## Not taken"]
DECISION_LINES: Final = 60

document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
decision = pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)


def as_shown(field: FieldInfo) -> str:
    """Return a field's default as the settings table shows it."""
    if field.is_required():
        return "required"
    default = field.default
    assert not isinstance(default, SecretStr), "a secret has no default"
    if default is None:
        return "none"
    if isinstance(default, str | Path):
        return f"`{default}`"
    if isinstance(default, tuple):
        return ",".join(default) or "none"
    return f"`{json.dumps(default)}`"


@lru_cache
def functions_of_tests() -> dict[str, set[str]]:
    """Return the function names in each file below `tests/`."""
    return {
        str(path.relative_to(ROOT)): {
            node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)
        }
        for path in (ROOT / "tests").rglob("*.py")
    }


def is_a_test(name: str) -> bool:
    """Return whether any test file, or the file before `::`, has a function with this name."""
    file, _, function = name.rpartition("::")
    names = functions_of_tests()
    return function in (names.get(file, set()) if file else set().union(*names.values()))


def targets() -> set[str]:
    """Return the Makefile targets that users run."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_settings_table_lists_every_setting_with_its_default() -> None:
    shown = {row[0].strip("`"): row[1] for row in rows_under(README, "Settings")}
    assert shown == {f"{PREFIX}{name.upper()}": as_shown(field) for name, field in Settings.model_fields.items()}


def test_every_setting_is_explained() -> None:
    assert [row[0] for row in rows_under(README, "Settings") if len(row) != 3 or not row[2].endswith(".")] == []


@document
def test_every_setting_that_is_named_exists(path: Path) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(rf"{PREFIX}[A-Z_]*[A-Z]", path.read_text())) <= known


def test_every_promise_has_a_row_that_names_a_test() -> None:
    rows = rows_under(README, "The promises")
    assert [row[0] for row in rows] == PROMISES
    assert [row[0] for row in rows if not re.findall(r"`test_\w+`", row[2])] == []


@document
def test_every_test_that_is_named_exists(path: Path) -> None:
    named = [code for code in code_in(path) if re.fullmatch(r"test_\w+|tests/[\w/]+\.py::\w+", code)]
    assert [name for name in named if not is_a_test(name)] == []


def test_every_defect_names_tests() -> None:
    rows = rows_under(ROOT / "docs/defects.md", "The table")
    assert [row[0] for row in rows] == [str(number) for number in range(1, 32)]
    assert [row[0] for row in rows if not re.fullmatch(r"(`tests/[\w/]+\.py::\w+`(, )?)+", row[-1])] == []


@document
def test_every_command_that_is_named_exists(path: Path) -> None:
    named = [words for code in code_in(path) for words in commands_named(code)]
    assert [f"{' '.join(words)}: {problem}" for words in named if (problem := problem_with(words)) is not None] == []


@document
def test_every_target_that_is_named_exists(path: Path) -> None:
    named = [name for code in code_in(path) for name in re.findall(r"(?:^|&& )make ([a-z-]+)", code)]
    assert [name for name in named if name not in targets()] == []


@document
def test_every_file_that_is_named_exists(path: Path) -> None:
    named = [
        found
        for code in code_in(path)
        for found in re.findall(r"^(?:(?:app|workers|tests|docs)/[\w/.-]*|\.ci/\w+|[\w-]+\.lock)", code)
    ]
    gone_from_the_plan = {"app/cli.py", "app/embedded.py"}
    assert [name for name in named if not (ROOT / name).exists() and name not in gone_from_the_plan] == []


@document
def test_every_relative_link_has_a_target(path: Path) -> None:
    broken = []
    for target in links_in(path):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = path.parent / file if file else path
        if not found.exists() or (anchor and anchor not in anchors_of(found)):
            broken.append(target)
    assert broken == []


def test_every_document_is_linked_from_the_readme_and_every_decision_from_the_index() -> None:
    indexes = {README, DECISIONS_INDEX}
    linked = {(index.parent / target.partition("#")[0]).resolve() for index in indexes for target in links_in(index)}
    assert [path.name for path in DOCUMENTS if path != README and path not in linked] == []


@decision
def test_a_decision_is_short_and_has_its_headings(path: Path) -> None:
    title, *sections = headings_of(path)
    assert title.startswith("# ")
    assert sections in (DECISION_HEADINGS, DECISION_HEADINGS[:-1])
    assert len(path.read_text().splitlines()) <= DECISION_LINES


def test_the_index_lists_each_decision_once_by_its_title() -> None:
    entries = re.findall(r"^- \[(.+)\]\((.+)\)$", DECISIONS_INDEX.read_text(), re.MULTILINE)
    assert sorted(entries) == sorted((headings_of(path)[0].removeprefix("# "), path.name) for path in DECISIONS)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("outbox status --json", None),
        ("outbox repair", "no command 'repair'"),
        ("events list --colour", "no option '--colour'"),
        ("events list --limit=3", None),
        ("migrate", None),
        ("fly", "no command 'fly'"),
        ("--version", None),
        ("--colour outbox", "no option '--colour'"),
    ],
)
def test_an_unknown_command_or_option_is_detected(words: str, problem: str | None) -> None:
    assert problem_with(words.split()) == problem


def test_the_checks_find_commands_tests_and_targets_in_the_documents() -> None:
    """The checks above do not pass because they find nothing."""
    code = [line for path in DOCUMENTS for line in code_in(path)]
    assert sum(bool(list(commands_named(line))) for line in code) > 20
    assert sum(line.startswith("test_") for line in code) > 30
    assert sum(line.startswith("make ") for line in code) > 5
