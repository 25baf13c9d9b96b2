"""The tables of masked keys and texts in `docs/security.md` are true, row by row."""

import re
from pathlib import Path

import pytest

from app.capture.masking import Masker

ROOT = Path(__file__).parents[3]
TABLES = (ROOT / "docs" / "security.md").read_text().partition("### Keys and texts that are masked")[2]
SECTION = TABLES.partition("\n### ")[0]
SECRET = "ghp_0123456789abcdefGHIJKLMNOP4567890123"
VARIANTS = (SECRET, "h2nter2-h2nter2-h2nter2")
"""A secret with the format of a token, and one that is merely long."""
masker = Masker("key")


def cells(head: str, column: int) -> list[str]:
    """Return the backticked texts in one column of the table whose header starts with `head`."""
    rows = SECTION.partition(f"| {head}")[2].split("\n\n")[0].splitlines()[2:]
    return [text for row in rows for text in re.findall("`([^`]+)`", row.split(" | ")[column])]


MASKED_KEYS, CLEAR_KEYS = cells("keys that are masked", 0), cells("keys that are masked", 1)
MASKED_TEXTS, CLEAR_TEXTS = cells("texts in which", 0), cells("texts that stay", 0)


def test_the_tables_are_found_in_the_document() -> None:
    assert min(map(len, (MASKED_KEYS, CLEAR_KEYS, MASKED_TEXTS, CLEAR_TEXTS))) >= 6
    assert len(MASKED_KEYS) > 40
    assert all("SECRET" in text for text in MASKED_TEXTS)


@pytest.mark.parametrize("key", [*MASKED_KEYS, *(key.upper() for key in MASKED_KEYS if key.islower())])
def test_a_documented_key_is_masked(key: str) -> None:
    assert "hunter2" not in str(masker.mask("parameters", {"a": [{key: {"b": "hunter2"}}]}))


@pytest.mark.parametrize("key", CLEAR_KEYS)
def test_a_key_that_is_documented_as_clear_is_not_masked(key: str) -> None:
    assert masker.mask("parameters", {key: "hunter2"}) == {key: "hunter2"}


@pytest.mark.parametrize("secret", VARIANTS)
@pytest.mark.parametrize("text", MASKED_TEXTS)
def test_a_documented_text_is_masked(text: str, secret: str) -> None:
    masked = masker.mask("description", text.replace("SECRET", secret))
    assert secret not in masked
    assert "$masked-" in masked


@pytest.mark.parametrize("text", CLEAR_TEXTS)
def test_a_text_that_is_documented_as_clear_is_not_masked(text: str) -> None:
    assert masker.mask("description", text) == text


def test_the_text_around_a_secret_is_not_masked() -> None:
    text = f"https://host/?a=1&pwd={SECRET}&b=2#c"
    assert re.fullmatch(r"https://host/\?a=1&pwd=\$masked-\w{12}&b=2#c", masker.mask("description", text))
