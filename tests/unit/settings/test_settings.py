"""The sources of settings, and the error texts for incomplete ones."""

import traceback
from pathlib import Path

import pytest

from app.cli.data_dir import CommandSettings
from app.errors import ConfigurationError
from app.settings import Settings
from app.settings.run_file import RUN_FILE, RunFile, read_run_file

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


def test_without_any_setting_each_missing_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.load()
    text = str(caught.value)
    assert all(f"AFTERCOMMIT_{name}: " in text for name in ("DATABASE_URL", "BROKER_URL", "MASKING_KEY"))
    assert str(tmp_path) in text


def test_the_folder_that_was_looked_into_is_said_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFTERCOMMIT_DATA_DIR", "there")
    with pytest.raises(ConfigurationError) as caught:
        Settings.load()
    assert f"data folder {tmp_path / 'there'}" in str(caught.value)


def test_the_servers_of_a_running_up_are_found(tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    settings = Settings.load()
    assert (settings.database_url, settings.broker_url) == (RUN.database_url, RUN.broker_url)
    assert settings.masking_key.get_secret_value() == RUN.masking_key


def test_the_environment_comes_first_and_no_server_is_mixed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_URL", "postgresql+psycopg://real/db")
    with pytest.raises(ConfigurationError, match="BROKER_URL"):
        Settings.load()


def test_a_masking_key_of_the_environment_is_kept_beside_the_servers_of_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    monkeypatch.setenv("AFTERCOMMIT_MASKING_KEY", "mine" * 8)
    assert Settings.load().masking_key.get_secret_value() == "mine" * 8


def test_up_takes_its_own_servers_and_everything_else_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_URL", "postgresql+psycopg://other/db")
    monkeypatch.setenv("AFTERCOMMIT_API_AUTH_STRING", "user:password")
    settings = Settings.of(RUN)
    assert (settings.database_url, settings.broker_url) == (RUN.database_url, RUN.broker_url)
    assert settings.api_auth_string is not None


def test_an_auth_string_that_is_none_is_said_without_quoting_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCOMMIT_API_AUTH_STRING", "hunter2" * 5)
    with pytest.raises(ConfigurationError, match="AFTERCOMMIT_API_AUTH_STRING: must be user:password") as caught:
        Settings.of(RUN)
    assert "hunter2" not in str(caught.value)


def test_a_value_that_is_none_is_said_with_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    monkeypatch.setenv("AFTERCOMMIT_PUBLISH_QUEUE_SIZE", "-1")
    with pytest.raises(ConfigurationError, match="AFTERCOMMIT_PUBLISH_QUEUE_SIZE"):
        Settings.load()


def test_a_log_level_that_is_none_is_said_with_those_that_there_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    monkeypatch.setenv("AFTERCOMMIT_LOG_LEVEL", "debug")
    assert Settings.load().log_level == "DEBUG"
    monkeypatch.setenv("AFTERCOMMIT_LOG_LEVEL", "verbose")
    with pytest.raises(ConfigurationError, match="AFTERCOMMIT_LOG_LEVEL: must be one of DEBUG, INFO, ") as caught:
        Settings.load()
    assert "up`" not in str(caught.value), "no setting is missing, so the error must not suggest `up`"


def test_a_damaged_run_file_is_said(tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_text("{")
    with pytest.raises(ConfigurationError, match=r"run\.json is damaged"):
        read_run_file(tmp_path)


def test_the_masking_key_is_not_shown() -> None:
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


def test_paths_to_mask_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    monkeypatch.setenv("AFTERCOMMIT_MASKED_PATHS", "parameters.customer, pull_steps.*.token,")
    assert Settings.load().masked_paths == ("parameters.customer", "pull_steps.*.token")


def test_keys_to_mask_and_paths_not_to_mask_are_separated_by_commas(
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
def test_a_rule_of_masking_that_is_none_is_said_with_its_variable(
    name: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / RUN_FILE).write_text(RUN.model_dump_json())
    monkeypatch.setenv(f"AFTERCOMMIT_{name}", value)
    with pytest.raises(ConfigurationError, match=rf"AFTERCOMMIT_{name}: {reason}"):
        Settings.load()


def test_what_is_missing_is_said_without_quoting_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCOMMIT_DATABASE_URL", "postgresql+psycopg://a:hunter2@host/db")
    monkeypatch.setenv("AFTERCOMMIT_MASKING_KEY", "hunter2" * 5)
    with pytest.raises(ConfigurationError) as caught:
        Settings.load()
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
