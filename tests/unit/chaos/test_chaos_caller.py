"""How the chaos clients send and retry requests, and what they record about the outcome."""

import random
import threading
from collections.abc import Iterable

import httpx2
import pytest

from tests.chaos.caller import TRIES, Caller, own_id
from tests.chaos.ledger import Ledger, Operation

Answer = httpx2.Response | Exception


def caller(monkeypatch: pytest.MonkeyPatch, answers: Iterable[Answer]) -> Caller:
    """Return a caller that gets these responses, one per try."""
    left = iter(answers)

    def request(*_: object, **__: object) -> httpx2.Response:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(httpx2.Client, "request", request)
    monkeypatch.setattr(Caller, "_wait", lambda *_: None)
    return Caller(["http://127.0.0.1:1"], "ac_key", random.Random(1), threading.Event())


def send(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> Operation:
    operation = Ledger().open("c1", "upsert")
    caller(monkeypatch, answers).send(operation, "POST", "/deployments/", {}, own_id)
    return operation


def test_a_success_is_acknowledged_with_the_id_in_the_response(monkeypatch: pytest.MonkeyPatch) -> None:
    operation = send(monkeypatch, httpx2.Response(201, json={"id": "d1"}))
    assert (operation.outcome, operation.answers, operation.effects) == ("acknowledged", ["d1"], 1)


def test_a_refused_operation_certainly_had_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    operation = send(monkeypatch, httpx2.Response(409))
    assert (operation.outcome, operation.effects) == ("refused", 0)


def test_an_undelivered_try_certainly_had_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    operation = send(monkeypatch, httpx2.ConnectError("refused"), httpx2.Response(404))
    assert (operation.outcome, operation.tries, operation.effects) == ("refused", 2, 0)


def test_a_try_without_a_response_may_have_had_an_effect_even_if_the_next_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operation = send(monkeypatch, httpx2.ReadTimeout("hung"), httpx2.Response(404))
    assert (operation.outcome, operation.effects) == ("unknown", 1)


def test_a_success_after_an_uncertain_try_may_have_had_two_effects(monkeypatch: pytest.MonkeyPatch) -> None:
    operation = send(monkeypatch, httpx2.Response(503), httpx2.Response(200, json={"id": "d1"}))
    assert (operation.outcome, operation.effects, operation.doubtful) == ("acknowledged", 2, True)


def test_a_server_error_is_not_retried_and_leaves_the_outcome_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    operation = send(monkeypatch, httpx2.Response(500))
    assert (operation.outcome, operation.tries, operation.effects) == ("unknown", 1, 1)


def test_the_number_of_tries_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    operation = send(monkeypatch, *[httpx2.Response(503)] * TRIES)
    assert (operation.outcome, operation.tries) == ("unknown", TRIES)


def test_every_operation_has_a_unique_token() -> None:
    ledger = Ledger()
    tokens = [ledger.open(who, "patch").token for who in ("c1", "c1", "c2")]
    assert len(set(tokens)) == 3
    assert [operation.token for operation in ledger.operations()] == tokens
