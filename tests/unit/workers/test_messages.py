"""Which messages are ours."""

import json
from typing import Any

import pytest
from celery import Celery
from kombu.message import Message

from app.broker.contract import (
    DISPATCH,
    DISPATCH_QUEUE,
    FOLLOW,
    READINESS,
    SOURCES,
    SWEEP,
    TASK_TIME_LIMIT,
    make_celery,
)
from app.settings import Settings
from workers.messages import problem_with

SETTINGS = Settings(database_url="unused", broker_url="redis://127.0.0.1:1/0", masking_key="unused" * 6)


@pytest.fixture
def celery() -> Celery:
    app = make_celery("worker", lambda: SETTINGS)
    app.conf.update(broker_url="memory://messages", broker_transport_options={})
    return app


def sent(celery: Celery, task: str, *args: Any, **options: Any) -> Message:
    """Send a message as the product does, and receive it."""
    celery.send_task(task, args=args, queue=DISPATCH_QUEUE, **options)
    with celery.connection_for_read() as connection:
        message: Message = connection.default_channel.basic_get(DISPATCH_QUEUE, no_ack=True)
    return message


def check(headers: Any, body: Any, content_type: Any = "application/json", encoding: Any = "utf-8") -> str | None:
    return problem_with(headers, body, content_type, encoding)


@pytest.mark.parametrize(
    ("task", "args", "options"),
    [
        (DISPATCH, [["018f0000-0000-7000-8000-000000000000"]], {"argsrepr": "deployment:d created r1"}),
        (DISPATCH, [[]], {"kwargs": {"swept": True}, "expires": 60}),
        (DISPATCH, [[]], {"kwargs": {"swept": False, "outages": 2}, "retries": 2, "countdown": 1.5}),
        (SWEEP, [], {"expires": 60}),
        (SWEEP, [], {"expires": 60, "time_limit": TASK_TIME_LIMIT}),
        (READINESS, [], {}),
        (SOURCES, [], {"expires": 60}),
        (FOLLOW, ["018f0000-0000-7000-8000-000000000000"], {"argsrepr": "prod", "expires": 60}),
    ],
)
def test_our_own_messages_are_accepted(celery: Celery, task: str, args: list[Any], options: dict[str, Any]) -> None:
    message = sent(celery, task, *args, **options)
    assert check(message.headers, message.body, message.content_type, message.content_encoding) is None


VALID_HEADERS: dict[str, Any] = {"task": DISPATCH, "id": "a", "timelimit": [None, None], "retries": 0}
VALID_BODY = json.dumps([[[]], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
NESTED = "[" * 100_000

ALLOWED_TEXTS = {
    "id": ("x", ""),
    "shadow": ("x", ""),
    "origin": ("x", ""),
    "group": ("",),
    "stamped_headers": ("",),
    "stamps": ("",),
}
UNEXPECTED_VALUES: list[Any] = [5, -1, 10**9, True, "x", ["a", "b"], {"a": 1}, [[]], 1.5, ""]


@pytest.mark.parametrize("value", UNEXPECTED_VALUES)
@pytest.mark.parametrize(
    "name", ["timelimit", "retries", "eta", "expires", "id", "group", "stamped_headers", "stamps", "shadow", "origin"]
)
def test_a_header_of_the_wrong_type_is_refused(name: str, value: Any) -> None:
    problem = check({**VALID_HEADERS, name: value}, VALID_BODY)
    is_allowed = isinstance(value, str) and value in ALLOWED_TEXTS.get(name, ())
    is_allowed = is_allowed or (name == "retries" and type(value) is int and value == 5)
    assert problem == (None if is_allowed else f"these headers are not valid: {name}")


@pytest.mark.parametrize("headers", [None, [], "x", {}, {"task": None}, {"task": ["x"]}, {"task": "os.system"}])
def test_a_message_for_an_unknown_task_is_refused(headers: Any) -> None:
    assert check(headers, VALID_BODY) == "its task is not one of ours"


def test_a_message_of_celerys_first_protocol_is_refused() -> None:
    assert check({}, json.dumps({"task": DISPATCH, "id": "a", "args": [], "kwargs": {}})) is not None


@pytest.mark.parametrize(
    "body",
    [
        None,
        5,
        "",
        "x",
        "{}",
        "[]",
        "[[], {}]",
        "[{}, [], {}]",
        '[[], {}, {"callbacks": [{"task": "x"}]}]',
        '[[], {}, {"chord": {"task": "x"}}]',
        NESTED,
        b"\xff\xfe",
        "[" + "1," * 1024 * 1024 + "1]",
    ],
)
def test_a_malformed_body_is_refused(body: Any) -> None:
    assert check(VALID_HEADERS, body) == "its body is not a call of a task"


@pytest.mark.parametrize(("type_", "encoding"), [("application/x-python-serialize", "binary"), (None, None), ([], {})])
def test_another_content_type_or_encoding_is_refused(type_: Any, encoding: Any) -> None:
    assert check(VALID_HEADERS, VALID_BODY, type_, encoding) == "it is not JSON"
