"""Types and rules that all request and response bodies share."""

from typing import Any, ClassVar

import pytest
from pydantic import TypeAdapter, ValidationError

from app.crud.filters import has_conditions
from app.errors import InvalidRequest
from app.schemas.bodies import Changes, WireModel
from app.schemas.filters import DeploymentFilter, FlowFilter
from app.schemas.shared import Labels, Name, Object, PageNumber, Paging, Tags, Text
from app.schemas.work_pools import supports_result_block


class Thing(WireModel):
    name: Name = "thing"
    text: Text = ""
    tags: Tags = []  # noqa: RUF012  # pydantic copies it.
    labels: Labels = {}  # noqa: RUF012


class ThingChanges(Changes):
    clearable: ClassVar[frozenset[str]] = frozenset({"text"})

    name: Name | None = None
    text: Text | None = None


def test_tags_keep_their_order_and_lose_duplicates() -> None:
    assert Thing(tags=["b", "a", "b"]).tags == ["b", "a"]


def test_labels_keep_their_types() -> None:
    assert Thing.model_validate({"labels": {"a": True, "b": 1, "c": 1.5, "d": "1"}}).labels == {
        "a": True,
        "b": 1,
        "c": 1.5,
        "d": "1",
    }


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x" * 501},
        {"text": "x" * 100_001},
        {"text": "\0"},
        {"tags": ["\0"]},
        {"tags": None},
        {"labels": {"a": []}},
        {"labels": {"\0": "a"}},
        {"nmae": "x"},
    ],
)
def test_a_value_that_cannot_be_stored_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Thing.model_validate(body)


def nested(levels: int) -> dict[str, Any]:
    value: Any = {}
    for number in range(levels - 1):
        value = {"a": value, "b": "text"} if number % 2 or number == levels - 2 else [value, {}]
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("levels", [1, 2, 100])
def test_an_object_of_up_to_100_levels_is_accepted(levels: int) -> None:
    assert TypeAdapter(Object).validate_python(nested(levels)) == nested(levels)


@pytest.mark.parametrize("levels", [101, 5000])
def test_a_deeper_object_is_refused_because_it_could_not_be_returned(levels: int) -> None:
    with pytest.raises(ValidationError, match="100 levels"):
        TypeAdapter(Object).validate_python(nested(levels))


def test_only_the_submitted_fields_are_set() -> None:
    assert Thing.model_validate({"text": "x"}).fields_set() == {"text": "x"}


def test_null_clears_a_clearable_field() -> None:
    assert ThingChanges.model_validate({"text": None}).fields_set() == {"text": None}


def test_null_is_refused_for_other_fields_with_the_name_of_the_field() -> None:
    with pytest.raises(ValidationError, match=r"Must not be null: name\."):
        ThingChanges.model_validate({"name": None, "text": None})


def test_a_body_of_an_update_must_be_an_object() -> None:
    with pytest.raises(ValidationError):
        ThingChanges.model_validate([])


def test_null_means_the_default_of_a_paging_parameter() -> None:
    for body in (None, {}, {"limit": None, "offset": None, "whatever": 1}):
        paging = Paging.model_validate(body)

        assert (paging.limit, paging.offset) == (200, 0)


def test_a_limit_above_the_maximum_is_refused_with_prefects_message() -> None:
    for model in (Paging, PageNumber):
        with pytest.raises(InvalidRequest, match=r"^Invalid limit: must be less than or equal to 200\.$"):
            model.model_validate({"limit": 201})


@pytest.mark.parametrize(("count", "limit", "pages"), [(0, 5, 0), (1, 5, 1), (5, 5, 1), (6, 5, 2), (6, 0, 0)])
def test_the_number_of_pages_is_rounded_up(count: int, limit: int, pages: int) -> None:
    assert PageNumber(limit=limit).pages_of(count) == pages


def test_a_page_starts_after_the_previous_pages() -> None:
    assert PageNumber(limit=5, page=3).offset == 10


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, False),
        (FlowFilter(), False),
        (FlowFilter.model_validate({"operator": "or_", "name": {}, "tags": {"operator": "or_"}}), False),
        (FlowFilter.model_validate({"name": {"any_": []}}), True),
        (FlowFilter.model_validate({"deployment": {"is_null_": False}}), True),
        (DeploymentFilter.model_validate({"concurrency_limit": {"ge_": 1}}), False),
    ],
)
def test_a_filter_restricts_only_if_it_has_a_condition(wanted: FlowFilter | None, expected: bool) -> None:
    assert has_conditions(wanted) is expected


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (None, True),
        ("prefect/3.3.7 (API 0.8.4)", False),
        ("prefect/3.3.8", True),
        ("prefect/10.0.0", True),
        ("prefect/2.99.0", False),
        ("python-httpx/0.28", True),
    ],
)
def test_a_client_before_3_3_8_does_not_support_the_result_block(agent: str | None, expected: bool) -> None:
    assert supports_result_block(agent) is expected
