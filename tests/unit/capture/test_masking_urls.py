"""Masking of the passwords and tokens in URLs."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.capture.masking import Masker

SECRET = "hunter2-hunter2"  # Must never appear in a result.
masker = Masker("key")

USERS = ("", "bob", "bob@server", "{user}")
HOSTS = ("db", "db.example.com", "db:5432", "localhost", "[::1]:5432", "h1.example.com:1,h2.example.com:2")
PATHS = ("", "/x", "/repo.git@v1", "?mail=a@b.example", "#a@b", ' and then "a@b"')


@pytest.mark.parametrize(
    "password", ["p", "p@ss", "pa/ss", "p@s/s", "p:w", "p?s#s", "@", "p%40", "p'ss", 'p"ss', "12", "/p"]
)
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("host", HOSTS)
def test_the_whole_password_of_a_url_is_masked(user: str, password: str, host: str) -> None:
    mask = masker.mask("infra_overrides", {"env": password})["env"]["$masked"]
    for path in ("", "/x"):
        text = masker.mask("description", f"uses 'postgresql://{user}:{password}@{host}{path}'")
        assert text == f"uses 'postgresql://{user}:$masked-{mask}@{host}{path}'"


def test_a_password_that_begins_like_a_port_is_masked_in_the_url_of_a_database() -> None:
    assert SECRET not in masker.mask("description", f"postgresql://bob:12/{SECRET}@db")


@given(st.text(min_size=16).filter(lambda text: not set(text) & set(" \t\n\"'`") and not any(map(str.isspace, text))))
def test_every_password_in_a_url_is_masked(password: str) -> None:
    if "://" not in password:
        assert password not in masker.mask("description", f"postgresql://bob:{password}@db.example.com/x?a=b")


@pytest.mark.parametrize("path", PATHS)
def test_the_text_after_the_host_of_a_url_with_a_password_is_not_masked(path: str) -> None:
    text = masker.mask("description", f"https://bob:{SECRET}@git.example.com{path}")
    assert SECRET not in text
    assert text.endswith(f"@git.example.com{path}")


def test_each_url_of_a_list_is_masked() -> None:
    text = masker.mask("description", f"amqp://u:{SECRET}@h1,amqp://u:{SECRET}@h2;HTTPS://{SECRET}@h3")
    assert text.count("$masked") == 3
    assert SECRET not in text


@pytest.mark.parametrize(
    "text",
    [
        "mail a@b.example: it is at http://localhost:4200/users/@me",
        "http://[::1]:4200/@me http://example.com:80?mail=a@b",
        "https://registry.example.com/@scope/package ssh://git@example.com:22/repo@v1 s3://bucket/a:b@c",
        '{"url":"https://example:x","mail":"a@b"} and \'https://example:x\', \'a@b\'',
        "https://example:x a@b",
        "a ratio of 1://2:3 @ night",
    ],
)
def test_ordinary_text_with_characters_of_a_url_is_not_masked(text: str) -> None:
    assert masker.mask("description", text) == text


PIECES = ["http://", "a@", "a.", "://u:p@a.", "://u:p'", "?token", "http://a:b@", "/@", "a:", ";a", "%3F", "?a", "a="]


@pytest.mark.parametrize("piece", [*PIECES, "%3A%2F%2F", "%3a%2f%2fa", "?a%5F", "?a=", ";a ="])
@pytest.mark.parametrize("start", ["", "http://u:", "http://u:p@"])
def test_a_long_hostile_text_is_masked_in_linear_time(piece: str, start: str) -> None:
    text = start + piece * (300_000 // len(piece))
    began = time.process_time()
    masker.mask("description", text)
    # Linear masking takes 0.1 s per text; non-linear masking takes minutes.
    assert time.process_time() - began < 10


@pytest.mark.parametrize("piece", ["%3F", "%3Fa", "%26a.", "?a", "?%41", "; ", ";  a ", "&#"])
def test_each_character_of_a_long_text_is_searched_only_a_few_times(piece: str) -> None:
    # The search for one pattern lets no other thread run. It took seconds when each piece could begin a long key.
    text = f"={piece * (1_000_000 // len(piece))}%3D"
    began = time.process_time()
    masker.mask("description", text)
    assert time.process_time() - began < 1
