"""The page token contains everything that the next page needs, and rejects anything else."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.errors import NotAllowed
from app.schemas.event_queries import EventFilter
from app.schemas.page_token import PageToken

TOKEN = PageToken(
    filter=EventFilter.model_validate({"related": [{"id": ["a"]}], "order": "ASC"}),
    limit=10,
    head=7,
    total=20,
    after=(datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), 6),
)


def test_an_encoded_token_can_be_decoded() -> None:
    assert PageToken.decode(TOKEN.encode()) == TOKEN


def test_the_token_keeps_the_window_of_the_first_page() -> None:
    since = PageToken.decode(TOKEN.encode()).filter.occurred.since
    assert since == TOKEN.filter.occurred.since


def test_a_token_needs_no_escaping_in_a_url() -> None:
    text = PageToken(
        **{**dict(TOKEN), "filter": EventFilter.model_validate({"event": {"name": ["?>~ÿ" * 9]}})}
    ).encode()
    assert text.replace("-", "a").replace("_", "a").isalnum()


def _with(**changes: Any) -> str:
    fields = {**json.loads(TOKEN.model_dump_json()), **changes}
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "!!!",
        "ÿ",
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b"[" * 5000).decode(),
        TOKEN.encode()[:-5],
        _with(limit=0),
        _with(limit=10**6),
        _with(head=2**63),
        _with(after=["2026-01-01T00:00:00Z", -1]),
        _with(filter={"event": {"name": ["a\x00"]}}),
        _with(more=1),
    ],
)
def test_an_invalid_token_is_refused(text: str) -> None:
    with pytest.raises(NotAllowed):
        PageToken.decode(text)
