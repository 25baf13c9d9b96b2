"""Parsing the query of a text search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.log.text import TextQuery, parse_query


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", TextQuery()),
        ("   ", TextQuery()),
        ("error", TextQuery(some=("error",))),
        ("error  timeout", TextQuery(some=("error", "timeout"))),
        ("error -debug !trace", TextQuery(some=("error",), none=("debug", "trace"))),
        ("+must may", TextQuery(some=("may",), all=("must",))),
        ('"two words"', TextQuery(some=("two words",))),
        ('-"two words"', TextQuery(none=("two words",))),
        ('+"never closed', TextQuery(all=("never closed",))),
        (r'"a \"quoted\" word"', TextQuery(some=('a "quoted" word',))),
        (r'"a \\ and \n"', TextQuery(some=(r"a \ and \n",))),
        ('"ends in \\', TextQuery(some=("ends in \\",))),
        ('""', TextQuery()),
        ('"  "', TextQuery()),
        ("- a", TextQuery(some=("a",))),
        ("a -", TextQuery(some=("a",))),
        ("--a", TextQuery(none=("-a",))),
        ("a-b", TextQuery(some=("a-b",))),
        ('word"phrase here"', TextQuery(some=("word", "phrase here"))),
    ],
)
def test_a_query_is_parsed_into_terms(query: str, expected: TextQuery) -> None:
    assert parse_query(query) == expected


@given(st.text(alphabet='ab -+!"\\', max_size=200))
def test_every_letter_of_a_query_is_in_some_term(query: str) -> None:
    parsed = parse_query(query)
    terms = "".join([*parsed.some, *parsed.all, *parsed.none])
    assert sorted(char for char in terms if char in "ab") == sorted(char for char in query if char in "ab")
