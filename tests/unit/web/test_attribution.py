"""What a request says about its attribution, and what of it is refused."""

import pytest

from app.access import Holder
from app.errors import InvalidRequest
from app.models.api_key import Role
from app.web.attribution import attribution_of
from app.web.sender import HOLDER


def scope(*headers: tuple[bytes, bytes], client: str = "10.0.0.7") -> dict[str, object]:
    """Return the ASGI scope of a request."""
    return {HOLDER: Holder("key:ci", Role.WRITE), "headers": list(headers), "client": (client, 4711)}


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-aftercommit-reason", b"\xff\xfe")],
        [(b"x-aftercommit-reason", b"one"), (b"x-aftercommit-reason", b"two")],
    ],
    ids=["not UTF-8", "twice"],
)
def test_a_reason_that_is_not_one_text_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(InvalidRequest, match="X-Aftercommit-Reason must be sent once, as UTF-8"):
        attribution_of(scope(*headers))


def test_the_user_agent_is_cut_and_loses_what_does_not_print() -> None:
    agent = attribution_of(scope((b"user-agent", b"evil\x1b[31m" + b"x" * 1000))).client
    assert agent == ("evil[31m" + "x" * 1000)[:200]


@pytest.mark.parametrize("sent", [b"", b"00-xyz", b"00-" + b"0" * 31 + b"-00f067aa0ba902b7-01"])
def test_a_malformed_trace_context_is_ignored(sent: bytes) -> None:
    assert attribution_of(scope((b"traceparent", sent))).traceparent is None


def test_an_address_that_is_none_is_left_out() -> None:
    assert attribution_of(scope(client="<script>")).address is None
    assert attribution_of(scope(client="fe80::1%eth0")).address == "fe80::1"
