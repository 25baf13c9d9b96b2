"""Masking of secrets in captured states."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.capture.masking import Masker
from app.capture.masking_rules import Rules

SECRET = "hunter2-hunter2"  # Must never appear in a result.
masker = Masker("key")


def masked(field: str, value: Any) -> str:
    return json.dumps(masker.mask(field, value))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("infra_overrides", {"env": {"ANYTHING": SECRET}}),
        ("infra_overrides", {"env": {"A": [SECRET, {"b": SECRET}]}}),
        ("infra_overrides", {"env": [{"name": "A", "value": SECRET}]}),
        ("infra_overrides", {"job_manifest": {"containers": [{"env": [{"name": "ANY", "value": SECRET}]}]}}),
        ("infra_overrides", {"env": ["ANY=" + SECRET]}),
        ("infra_overrides", {"Env": {"ANYTHING": SECRET}}),
        ("infra_overrides", {"arguments": [{"name": "DB_PASSWORD", "value": SECRET}]}),
        ("infra_overrides", {"docker": {"password": SECRET}}),
        ("pull_steps", [{"prefect.git_clone": {"access_token": SECRET}}]),
        ("pull_steps", [{"prefect.run_shell_script": {"script": "x", "env": {"ANYTHING": SECRET}}}]),
        ("pull_steps", [{"prefect.git_clone": {"repository": f"https://user:{SECRET}@git.example.com/r.git"}}]),
        ("pull_steps", [{"prefect.git_clone": {"repository": f"https://{SECRET}@git.example.com/r.git"}}]),
        ("parameters", {"url": f"https://x.example.com/a?b=1&token={SECRET}&c=2"}),
        ("parameters", {"db": {"API-KEY": SECRET, "apikey": SECRET, "aws_secret_access_key": SECRET}}),
        ("parameters", {"credentials": {"user": SECRET}}),
        ("parameter_openapi_schema", {"properties": {"token": {"type": "string", "default": SECRET}}}),
        ("storage_configuration", {"bundle_upload_step": {"upload": {"env": {"ANY": SECRET}}}}),
        ("pull_steps", [{"run_shell_script": {"env": {"ANY": SECRET}}}]),
        ("schedules", [{"parameters": {"db": {"password": SECRET}}}]),
        ("filter", {"token": SECRET}),
        ("tags", [f"https://{SECRET}@git.example.com"]),
        ("labels", {"repository": f"https://bob:{SECRET}@git.example.com"}),
        ("description", f"connects to postgresql://bob:{SECRET}@db.example.com/x"),
        ("base_job_template", {"variables": {"properties": {"env": {"default": {"A": SECRET}}}}}),
        ("base_job_template", {"variables": {"properties": {"token": {"anyOf": [{"default": SECRET}]}}}}),
        ("base_job_template", {"variables": {"properties": {"job": {"default": {"env": {"A": SECRET}}}}}}),
        ("base_job_template", {"job_configuration": {"job": {"env": [{"name": "A", "value": SECRET}]}}}),
    ],
)
def test_a_secret_value_is_masked(field: str, value: Any) -> None:
    assert SECRET not in masked(field, value)
    assert "$masked" in masked(field, value)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"cfg": {"type": "object", "default": {"password": SECRET}}}},
        {"properties": {"cfg": {"examples": [{"api_key": SECRET}]}}},
        {"properties": {"password": {"anyOf": [{"default": SECRET}, {"type": "null"}]}}},
        {"properties": {"password": {"items": {"oneOf": [{"allOf": [{"enum": [SECRET]}]}]}}}},
        {"properties": {"credentials": {"properties": {"user": {"const": SECRET}}}}},
        {"properties": {"default": {"default": {"token": SECRET}}}},
        {"properties": {"enum": {"properties": {"password": {"examples": [SECRET]}}}}},
        {"patternProperties": {"^token_": {"default": SECRET}}},
        {"$defs": {"Db": {"example": {"password": SECRET}}}},
        {"definitions": {"Db": {"properties": {"password": {"default": SECRET}}}}},
        {"default": {"token": SECRET}},
        {"default": {"url": f"postgresql://u:{SECRET}@db/x"}},
        {"x-prefill": {"password": SECRET}},
    ],
)
def test_a_secret_in_the_values_of_a_schema_is_masked(schema: dict[str, Any]) -> None:
    for result in (
        masked("parameter_openapi_schema", schema),
        masked("base_job_template", {"job_configuration": {}, "variables": schema}),
    ):
        assert SECRET not in result
        assert "$masked" in result


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"token": {"type": "string", "title": "Token", "description": "d", "default": None}}},
        {"properties": {"password": {"anyOf": [{"type": "string", "format": "password"}, {"type": "null"}]}}},
        {"properties": {"default": {"type": "object", "properties": {"token": {"type": "string"}}}}},
        {"properties": {"enum": {"properties": {"password": {"$ref": "#/$defs/Secret"}}}}},
        {"$defs": {"Secret": {"type": "string", "writeOnly": True}}, "required": ["password", "token"]},
        {"properties": {"n": {"default": 3, "enum": [1, 2, 3]}}, "dependentRequired": {"token": ["user"]}},
        {"properties": {"env": {"default": "production"}}},
    ],
)
def test_descriptions_in_a_schema_are_not_masked(schema: dict[str, Any]) -> None:
    assert masker.mask("parameter_openapi_schema", schema) == schema


@pytest.mark.parametrize("name", ["password", "default", "enum"])
def test_the_description_of_an_environment_is_not_masked_but_its_values_are(name: str) -> None:
    variables = {"properties": {"env": {"title": name, "type": "object", "default": {name: SECRET}}}}
    result = masker.mask("base_job_template", {"variables": variables})["variables"]["properties"]["env"]
    assert (result["title"], result["type"]) == (name, "object")
    assert list(result["default"][name]) == ["$masked"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("parameters", {"name": "x", "count": 3, "on": True, "none": None}),
        ("parameter_openapi_schema", {"properties": {"token": {"type": "string", "title": "Token"}}}),
        ("description", "see https://docs.example.com/page?topic=tokens"),
        ("infra_overrides", {"image": "registry.example.com/app:1", "env": {}}),
        ("parameters", {"password": None, "token": ""}),
        ("parameters", {"env": "production", "filters": [{"name": "token", "value": 3}]}),
        ("parameter_openapi_schema", None),
    ],
)
def test_a_value_without_a_secret_is_not_changed(field: str, value: Any) -> None:
    assert masker.mask(field, value) == value


def test_a_configured_path_with_a_wildcard_is_masked() -> None:
    configured = Masker("key", Rules(masked=("parameters.*.customer",)))
    assert SECRET not in json.dumps(configured.mask("parameters", {"a": {"customer": {"name": SECRET}}, "b": {"x": 1}}))
    assert configured.mask("parameters", {"a": {"other": 1}}) == {"a": {"other": 1}}


def test_keys_below_a_secret_are_kept_so_that_readers_see_which_one_changed() -> None:
    before = masker.mask("infra_overrides", {"env": {"A": "1", "B": "2"}})
    after = masker.mask("infra_overrides", {"env": {"A": "1", "B": "3"}})
    assert before["env"]["A"] == after["env"]["A"]
    assert before["env"]["B"] != after["env"]["B"]


def test_names_in_a_list_of_variables_are_kept_and_equal_values_have_equal_masks() -> None:
    listed = masker.mask("infra_overrides", {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]})["env"]
    mapped = masker.mask("infra_overrides", {"env": {"A": "1"}})["env"]
    assert [variable["name"] for variable in listed] == ["A", "B"]
    assert listed[0]["value"] == listed[1]["value"] == mapped["A"]


def test_a_mask_has_the_documented_format() -> None:
    mask = masker.mask("infra_overrides", {"env": {"A": SECRET}})["env"]["A"]
    assert list(mask) == ["$masked"]
    assert len(mask["$masked"]) == 12
    assert set(mask["$masked"]) <= set("0123456789abcdef")


def test_another_key_gives_another_mask() -> None:
    value = {"env": {"A": SECRET}}
    assert Masker("one").mask("infra_overrides", value) != Masker("two").mask("infra_overrides", value)


def test_numbers_that_postgresql_considers_equal_have_equal_masks() -> None:
    one, same = ({"env": {"A": [{"n": number}]}} for number in (1, 1.0))
    assert masker.mask("infra_overrides", one) == masker.mask("infra_overrides", same)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_masking_depends_only_on_the_value_and_does_not_modify_it(value: Any) -> None:
    copy = json.loads(json.dumps(value))
    assert masker.mask("infra_overrides", value) == masker.mask("infra_overrides", copy)
    assert value == copy


@given(st.dictionaries(st.text(max_size=6), st.text(min_size=20, max_size=30), max_size=4))
def test_every_value_of_an_environment_is_masked(env: dict[str, str]) -> None:
    result = masked("infra_overrides", {"env": env})
    assert all(json.dumps(value) not in result for value in env.values())
