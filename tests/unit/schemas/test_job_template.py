"""Validation of base job templates."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from app.schemas.job_template import BaseJobTemplate, places_of_undeclared_variables
from app.schemas.worker_types import template_of

TEMPLATES: TypeAdapter[dict[str, Any]] = TypeAdapter(BaseJobTemplate)


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({}, []),
        ({"a": "{{ declared }}"}, []),
        ({"a": "{{ other }}"}, ["job_configuration.a"]),
        (
            {"a": "{{b}}.{{  a }}", "c": ["{{ declared }}", {"d": "{{ z }}"}]},
            ["job_configuration.a", "job_configuration.c.1.d"],
        ),
        ({"a": {"{{ key }}": 1}}, ["job_configuration.a"]),
        ({"a": "{{ not a name }} {single} {{ }}"}, []),
    ],
)
def test_undeclared_variables_are_found_at_any_depth(configuration: dict[str, Any], expected: list[str]) -> None:
    template = {"job_configuration": configuration, "variables": {"properties": {"declared": {}}}}

    assert places_of_undeclared_variables(template) == expected


@pytest.mark.parametrize("variables", [{}, {"properties": None}, {"properties": ["a"]}])
def test_variables_without_properties_declare_nothing(variables: dict[str, Any]) -> None:
    template = {"job_configuration": {"a": "{{ a }}"}, "variables": variables}
    assert places_of_undeclared_variables(template) == ["job_configuration.a"]


@pytest.mark.parametrize(
    "template", [{}, template_of("prefect", "process"), {"job_configuration": {}, "variables": {}}]
)
def test_a_complete_or_empty_template_is_accepted(template: dict[str, Any]) -> None:
    assert TEMPLATES.validate_python(template) == template


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ({"variables": {}}, "must contain both"),
        ({"job_configuration": {}}, "must contain both"),
        ({"job_configuration": "x", "variables": {}}, "must contain both"),
        (
            {"job_configuration": {"a": "{{ b }}{{ a }}"}, "variables": {}},
            "undeclared variables at: job_configuration.a",
        ),
        ({"job_configuration": {"a": "{{ hunter2 }}"}, "variables": {}}, r"^(?s:(?!.*hunter2).)*$"),
    ],
)
def test_a_template_is_refused_with_the_reason(template: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TEMPLATES.validate_python(template)


@pytest.mark.timeout(30)
def test_the_reason_is_short_and_found_quickly_for_any_template() -> None:
    configuration = {"k" * 500_000: ["{{ undeclared }}", *[0] * 100_000, *["{{ undeclared }}"] * 1000]}
    with pytest.raises(ValidationError) as caught:
        TEMPLATES.validate_python({"job_configuration": configuration, "variables": {}})
    assert len(caught.value.errors()[0]["msg"]) < 5000
