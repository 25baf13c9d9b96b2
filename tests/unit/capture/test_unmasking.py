"""Finding the secrets behind masks in a current value."""

from typing import Any

import pytest

from app.capture.masking import Masker
from app.capture.unmasking import unmask

MASKER = Masker("k" * 32)


@pytest.mark.parametrize(
    ("past", "current", "result"),
    [
        ({"token": "a", "x": 1}, {"token": "a", "x": 2}, {"token": "a", "x": 1}),
        (
            {"jobs": [{"token": "a"}, {"x": 1}]},
            {"jobs": [{"y": 0}, {"token": "a"}]},
            {"jobs": [{"token": "a"}, {"x": 1}]},
        ),
        ({"env": {"A": "1"}, "x": True}, {"env": {"A": "1", "B": "2"}}, {"env": {"A": "1"}, "x": True}),
        ({"x": "see $masked"}, {}, {"x": "see $masked"}),
        ({"x": True}, {"x": 1}, {"x": True}),
    ],
)
def test_a_secret_with_an_equal_mask_at_the_same_place_is_found(past: Any, current: Any, result: Any) -> None:
    wanted, masked = MASKER.mask("parameters", past), MASKER.mask("parameters", current)
    found, missing = unmask(wanted, current, masked, "parameters")
    assert (found, missing) == (result, [])
    assert repr(found) == repr(result)


@pytest.mark.parametrize(
    ("past", "current", "places"),
    [
        ({"token": "a", "x": 1}, {"token": "b", "x": 1}, ["parameters.token"]),
        ({"token": "a"}, {"other": {"token": "a"}}, ["parameters.token"]),
        (
            {"jobs": [{"token": "a"}, {"password": "b"}]},
            {},
            ["parameters.jobs[0].token", "parameters.jobs[1].password"],
        ),
        ({"url": "https://u:a@host"}, {"url": "https://u:b@host"}, ["parameters.url"]),
        ({"token": {"inner": "a"}}, {"token": "a"}, ["parameters.token.inner"]),
    ],
)
def test_other_secrets_are_missing_at_their_places(past: Any, current: Any, places: list[str]) -> None:
    wanted, masked = MASKER.mask("parameters", past), MASKER.mask("parameters", current)
    assert unmask(wanted, current, masked, "parameters")[1] == places
