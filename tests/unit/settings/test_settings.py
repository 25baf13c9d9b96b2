"""The sources of settings, and the error texts for incomplete ones."""

import traceback
from pathlib import Path
from typing import get_args

import pytest

from app.capture.attribution import ACTOR, PARTS
from app.cli.data_dir import CommandSettings
from app.errors import ConfigurationError
from app.settings import Settings
from app.settings.run_file import RUN_FILE, RunFile, read_run_file
from app.settings.texts import ActorField

RUN = RunFile(
    database_url="postgresql+psycopg://up@127.0.0.1:1/up",
    broker_url="redis://127.0.0.1:1/0",
    masking_key="the key of up, of 32 characters.",
    api_url="http://127.0.0.1:4200/api",
    flower_url=None,
    pid=1,
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Set only the data folder."""
    for name in ("DATABASE_URL", "BROKER_URL", "MASKING_KEY"):
        monkeypatch.delenv(f"AFTERCOMMIT_{name}", raising=False)
    monkeypatch.setenv("AFTERCOMMIT_DATA_DIR", str(tmp_path))


def test_without_settings_each_missing_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.load()
    text = str(caught.value)
    assert all(f"AFTERCOMMIT_{name}: " in text for name in ("DATABASE_URL", "BROKER_URL", "MASKING_KEY"))
    assert str(tmp_path) in text


def test_the_whole_path_of_the_data_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFTERCOMMIT_DATA_DIR", "there")
    with pytest.raises(ConfigurationError) as caught:
        Settings.load()
    assert f"data folder {tmp_path / 'there'}" in str(caught.value)


def test_the_servers_of_a_running_up_are_used(tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    settings = Settings.load()
    assert (settings.database_url, settings.broker_url) == (RUN.database_url, RUN.broker_url)
    assert settings.masking_key.get_secret_value() == RUN.masking_key


def test_the_environment_takes_precedence_and_its_servers_are_not_mixed_with_those_of_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_URL", "postgresql+psycopg://real/db")
    with pytest.raises(ConfigurationError, match="BROKER_URL"):
        Settings.load()


def test_a_masking_key_in_the_environment_is_used_with_the_servers_of_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    monkeypatch.setenv("AFTERCOMMIT_MASKING_KEY", "mine" * 8)
    assert Settings.load().masking_key.get_secret_value() == "mine" * 8


def test_up_uses_its_own_servers_and_all_other_settings_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_URL", "postgresql+psycopg://other/db")
    monkeypatch.setenv("AFTERCOMMIT_API_AUTH_STRING", "user:password")
    settings = Settings.of(RUN)
    assert (settings.database_url, settings.broker_url) == (RUN.database_url, RUN.broker_url)
    assert settings.api_auth_string is not None


def test_an_invalid_auth_string_is_reported_without_quoting_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCOMMIT_API_AUTH_STRING", "hunter2" * 5)
    with pytest.raises(ConfigurationError, match="AFTERCOMMIT_API_AUTH_STRING: must be user:password") as caught:
        Settings.of(RUN)
    assert "hunter2" not in str(caught.value)


def test_an_invalid_value_is_reported_with_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    monkeypatch.setenv("AFTERCOMMIT_PUBLISH_QUEUE_SIZE", "-1")
    with pytest.raises(ConfigurationError, match="AFTERCOMMIT_PUBLISH_QUEUE_SIZE"):
        Settings.load()


def test_an_invalid_log_level_is_reported_with_the_valid_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    monkeypatch.setenv("AFTERCOMMIT_LOG_LEVEL", "debug")
    assert Settings.load().log_level == "DEBUG"
    monkeypatch.setenv("AFTERCOMMIT_LOG_LEVEL", "verbose")
    with pytest.raises(ConfigurationError, match="AFTERCOMMIT_LOG_LEVEL: must be one of DEBUG, INFO, ") as caught:
        Settings.load()
    assert "up`" not in str(caught.value), "no setting is missing, so the error must not suggest `up`"


def test_a_damaged_run_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_text("{")
    with pytest.raises(ConfigurationError, match=r"run\.json is damaged"):
        read_run_file(tmp_path)


def test_the_text_of_the_settings_does_not_contain_the_masking_key() -> None:
    settings = Settings(database_url="x", broker_url="redis://127.0.0.1:1/0", masking_key="hunter2" * 5)
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("kind", [Settings, CommandSettings])
@pytest.mark.parametrize("key", ["", "hunter2", "k" * 31])
def test_a_masking_key_that_can_be_guessed_is_refused_everywhere_without_quoting_it(
    kind: type[Settings], key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    monkeypatch.setenv("AFTERCOMMIT_MASKING_KEY", key)
    with pytest.raises(ConfigurationError, match="AFTERCOMMIT_MASKING_KEY: must have at least 32 characters") as caught:
        kind.load()
    assert "openssl rand -hex 24" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_masked_paths_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    monkeypatch.setenv("AFTERCOMMIT_MASKED_PATHS", "parameters.customer, pull_steps.*.token,")
    assert Settings.load().masked_paths == ("parameters.customer", "pull_steps.*.token")


def test_masked_keys_and_unmasked_paths_are_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    monkeypatch.setenv("AFTERCOMMIT_MASKED_KEYS", "license,*_dsn")
    monkeypatch.setenv("AFTERCOMMIT_UNMASKED_PATHS", "infra_overrides.env.LOG_LEVEL")
    settings = Settings.load()
    assert settings.masked_keys == ("license", "*_dsn")
    assert settings.unmasked_paths == ("infra_overrides.env.LOG_LEVEL",)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("MASKED_PATHS", "parameters..a", r"'parameters\.\.a' is not a path"),
        ("MASKED_PATHS", "parameters.a,.b", r"'\.b' is not a path"),
        ("UNMASKED_PATHS", "parameters.A*", r"'parameters\.A\*' is not a path"),
        ("MASKED_KEYS", "license,*", r"'\*' matches every key"),
    ],
)
def test_an_invalid_masking_rule_is_reported_with_its_variable(
    name: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    monkeypatch.setenv(f"AFTERCOMMIT_{name}", value)
    with pytest.raises(ConfigurationError, match=rf"AFTERCOMMIT_{name}: {reason}"):
        Settings.load()


def test_missing_settings_are_reported_without_quoting_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_URL", "postgresql+psycopg://a:hunter2@host/db")
    monkeypatch.setenv("AFTERCOMMIT_MASKING_KEY", "hunter2" * 5)
    with pytest.raises(ConfigurationError) as caught:
        Settings.load()
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_the_actor_fields_are_the_parts_of_an_attribution() -> None:
    assert {ACTOR, *get_args(ActorField)} == set(PARTS)


@pytest.mark.parametrize(
    ("name", "value"), [("TRUSTED_PROXIES", "10.0.0.0/8,proxy.example"), ("ACTOR_FIELDS", "request,password")]
)
def test_an_unknown_proxy_or_part_is_refused_and_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    monkeypatch.setenv(f"AFTERCOMMIT_{name}", value)
    with pytest.raises(ConfigurationError, match=f"AFTERCOMMIT_{name}"):
        Settings.load()
