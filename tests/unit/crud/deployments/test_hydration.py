"""The values that `__prefect_kind` objects in parameters describe."""

from typing import Any

import pytest

from app.crud.deployments.hydration import hydrate
from app.errors import RequestError


def described(kind: str, **content: Any) -> dict[str, Any]:
    return {"__prefect_kind": kind, **content}


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"n": 1, "l": [{"a": None}]}, {"n": 1, "l": [{"a": None}]}),
        ({"n": described("json", value="[1, {}]")}, {"n": [1, {}]}),
        ({"n": described("json", value=7)}, {"n": 7}),
        ({"n": described("json", value=described("none", value="true"))}, {"n": True}),
        ({"n": described("none", value=[described("json", value="1")])}, {"n": [1]}),
        ({"o": {"l": [1, described("json"), described("workspace_variable")]}}, {"o": {"l": [1]}}),
        ({"n": described("json"), "m": 2}, {"m": 2}),
        ({"n": described("unknown", value=3), "m": described("unknown")}, {"n": 3, "m": None}),
        (described("json"), {}),
        (described("json", value='{"n": 1}'), {"n": 1}),
    ],
)
def test_described_values_replace_their_descriptions(parameters: dict[str, Any], expected: Any) -> None:
    assert hydrate(parameters) == expected


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"n": described("json", value="{s3cret")}, "Invalid JSON$"),
        ({"n": described("json", value="[" * 100_000)}, "Invalid JSON$"),
        ({"n": described("json", value="[" * 150 + "]" * 150)}, "Invalid JSON$"),
        ({"n": described("json", value="[" + "1e300," * 4000 + "1]")}, "Invalid JSON$"),
        ({"n": described("none")}, "Missing 'value' key"),
        ({"n": described("jinja", template="{{ 1 }}")}, "not rendered"),
        ({"n": described("workspace_variable", variable_name="v")}, "no variables"),
        (described("json", value="[]"), "not an object"),
    ],
)
def test_an_invalid_description_is_refused_with_its_reason(parameters: dict[str, Any], reason: str) -> None:
    with pytest.raises(RequestError, match=f"Error hydrating deployment parameters: .*{reason}"):
        hydrate(parameters)
