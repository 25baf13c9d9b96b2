"""The masking settings: more keys, more paths, and values that stay readable."""

import json
from typing import Any

import pytest

from app.capture.masking import Masker
from app.capture.masking_rules import CACHED_KEY_LENGTH, Rules
from app.capture.snapshot import make_masker
from app.errors import ConfigurationError
from app.settings import Settings

SECRET = "hunter2-hunter2"  # Must never appear in a result.


def masker(**rules: tuple[str, ...]) -> Masker:
    return Masker("key", Rules(**rules))


@pytest.mark.parametrize("key", ["license", "LICENSE", "main_dsn", "Main_DSN", "x[1]", "why?"])
def test_a_configured_key_is_masked_in_upper_and_lower_case(key: str) -> None:
    configured = masker(keys=("license", "*_dsn", "x[1]", "why?"))
    assert list(configured.mask("parameters", {key: SECRET})[key]) == ["$masked"]
    schema = configured.mask("parameter_openapi_schema", {"properties": {key: {"default": SECRET}}})
    assert SECRET not in json.dumps(schema)


@pytest.mark.parametrize("key", ["licenses", "my_license", "main_dsn_name", "x1", "why"])
def test_a_configured_key_must_match_the_whole_key(key: str) -> None:
    configured = masker(keys=("license", "*_dsn", "x[1]", "why?"))
    assert configured.mask("parameters", {key: SECRET}) == {key: SECRET}


def test_the_built_in_keys_are_masked_besides_configured_ones() -> None:
    assert SECRET not in json.dumps(masker(keys=("license",)).mask("parameters", {"password": SECRET}))


def test_a_secret_key_of_any_length_is_recognized() -> None:
    key = "x" * CACHED_KEY_LENGTH + "_token"
    assert SECRET not in json.dumps(masker().mask("parameters", {key: SECRET}))


@pytest.mark.parametrize(
    ("field", "path", "value"),
    [
        ("parameters", "parameters.token_count", {"token_count": 3}),
        ("parameters", "parameters.*.token", {"a": {"token": "x"}, "b": {"token": {"secret": ["y"]}}}),
        ("infra_overrides", "infra_overrides.env.LOG_LEVEL", {"env": {"LOG_LEVEL": "DEBUG"}}),
        ("infra_overrides", "infra_overrides.env", {"env": {"A": "1", "TOKEN": "2"}}),
        ("infra_overrides", "infra_overrides.env.0", {"env": [{"name": "A", "value": "1"}]}),
        ("infra_overrides", "infra_overrides.auth.mode", {"auth": {"mode": "none"}}),
        ("infra_overrides", "infra_overrides.*.value", {"a": {"name": "token", "value": 1}}),
        ("parameter_openapi_schema", "*.properties.token.default", {"properties": {"token": {"default": "x"}}}),
        ("parameter_openapi_schema", "parameter_openapi_schema.properties", {"properties": {"token": {"const": "x"}}}),
    ],
)
def test_an_unmasked_path_is_not_masked(field: str, path: str, value: Any) -> None:
    assert masker(unmasked=(path,)).mask(field, value) == value
    assert masker().mask(field, value) != value


def test_values_beside_an_unmasked_path_are_masked() -> None:
    result = masker(unmasked=("infra_overrides.env.A",)).mask("infra_overrides", {"env": {"A": "1", "B": SECRET}})
    assert result["env"]["A"] == "1"
    assert list(result["env"]["B"]) == ["$masked"]


def test_the_password_in_a_url_is_masked_even_at_an_unmasked_path() -> None:
    value = {"env": {"A": [f"postgresql://bob:{SECRET}@db/x"]}}
    assert SECRET not in json.dumps(masker(unmasked=("infra_overrides",)).mask("infra_overrides", value))


@pytest.mark.parametrize(
    ("masked", "unmasked"),
    [
        ("parameters.a", "parameters.a"),
        ("parameters.*", "parameters.a"),
        ("parameters.a.b", "parameters.a"),
        ("parameters.a.*.c", "parameters.a"),
    ],
)
def test_a_masked_path_takes_precedence_over_an_unmasked_one_that_is_not_longer(masked: str, unmasked: str) -> None:
    rules = masker(masked=(masked,), unmasked=(unmasked,))
    assert SECRET not in json.dumps(rules.mask("parameters", {"a": {"b": {"c": SECRET}}}))


def test_a_longer_unmasked_path_takes_precedence_over_a_masked_one() -> None:
    rules = masker(masked=("parameters.a",), unmasked=("parameters.a.id",))
    result = rules.mask("parameters", {"a": {"id": 7, "name": SECRET}})
    assert result["a"]["id"] == 7
    assert SECRET not in json.dumps(result)


@pytest.mark.parametrize("setting", ["masked_paths", "unmasked_paths"])
def test_a_path_with_an_unknown_field_is_refused_with_the_list_of_fields(setting: str) -> None:
    servers = {"database_url": "x", "broker_url": "redis://127.0.0.1:1/0", "masking_key": "z" * 32}
    settings = Settings.model_validate({**servers, setting: ("parameters.a", "job_variables.env")})
    with pytest.raises(ConfigurationError, match=r"unknown field: job_variables\. The fields are: .*infra_overrides"):
        make_masker(settings)


@pytest.mark.parametrize("field", ["*", "payload", "resource", "parameters", "schedules"])
def test_a_path_can_begin_with_any_field(field: str) -> None:
    make_masker(
        Settings(
            database_url="x", broker_url="redis://127.0.0.1:1/0", masking_key="z" * 32, masked_paths=(f"{field}.a",)
        )
    )


@pytest.mark.parametrize("path", ["*", "status"])
def test_a_path_that_masks_the_status_is_refused(path: str) -> None:
    settings = Settings(
        database_url="x", broker_url="redis://127.0.0.1:1/0", masking_key="z" * 32, masked_paths=(path,)
    )
    with pytest.raises(ConfigurationError, match="masks the status"):
        make_masker(settings)
