"""Every setting of aftercommit, typed, in one place. Nothing else reads the environment."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.errors import ConfigurationError
from app.settings.explain import explain
from app.settings.run_file import RunFile, read_run_file

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
FOREIGN = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL")


Listed = Annotated[tuple[str, ...], NoDecode]
"""Texts that are separated by commas in the environment."""


def _require_user_and_password(text: SecretStr | None) -> SecretStr | None:
    if text is not None and not all(text.get_secret_value().partition(":")):
        raise ValueError("must be user:password")
    return text


def _require_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
    return text.upper()


class Settings(BaseSettings):
    """The settings, read from `AFTERCOMMIT_*` in the environment.

    A field without a default below is found in the data folder's run file, or the process refuses to start
    with the name of the variable to set.
    """

    model_config = SettingsConfigDict(env_prefix="AFTERCOMMIT_", extra="ignore", frozen=True, hide_input_in_errors=True)

    data_dir: Path = Path(".aftercommit")
    database_url: str = Field(min_length=1)
    broker_url: str = Field(min_length=1)
    masking_key: SecretStr = Field(min_length=1)

    masked_keys: Listed = ()
    """More keys of secrets, comma-separated: `license`, `*_dsn`; `*` stands for any characters, case for nothing."""
    masked_paths: Listed = ()
    """More paths to mask, comma-separated, as `field.key.key`: `parameters.customer`; `*` stands for any key."""
    unmasked_paths: Listed = ()
    """Paths in the same form that no rule about keys applies to: `infra_overrides.env.LOG_LEVEL`."""

    database_pool_size: PositiveInt = 32
    database_connect_timeout: PositiveInt = 2
    database_statement_timeout_ms: PositiveInt = 30_000
    database_lock_timeout_ms: PositiveInt = 1_000
    database_idle_transaction_timeout_ms: PositiveInt = 10_000
    api_threads: PositiveInt = 32
    api_one_core: bool = True
    """Whether an API process keeps to one core, the least used: its threads hinder each other on several."""
    api_body_limit: PositiveInt = 4 * 1024 * 1024
    api_version: str = "3.8.8"
    """The Prefect server version that `/admin/version` answers; its major must be the client's."""

    api_auth_string: Annotated[SecretStr | None, AfterValidator(_require_user_and_password)] = None
    """`user:password`, as Prefect's PREFECT_API_AUTH_STRING: who knows it may do everything."""
    csrf_protection: bool = False
    """Changes need a token that a page of another site, in somebody's browser, cannot read."""

    live_readers: PositiveInt = 1000
    """How many WebSockets and streams of one API process follow the log at once."""
    live_send_timeout: PositiveFloat = 30.0
    """Seconds that a reader may take nothing of what is sent to it."""

    publish_queue_size: PositiveInt = 10_000
    publish_pace_ms: Annotated[float, Field(ge=0)] = 12.0
    """From one message of an API process to its next; what is committed in between shares a message."""
    publish_linger_ms: Annotated[float, Field(ge=0)] = 0.0
    """How long also the first message after a pause waits for more."""
    dispatch_batch_size: PositiveInt = 500
    sweep_interval: PositiveFloat = 5.0
    sweep_grace: Annotated[float, Field(ge=0)] = 3.0
    readiness_silence: PositiveFloat = 60.0
    """Seconds without a poll after which a work queue or a deployment is not ready."""
    readiness_interval: PositiveFloat = 10.0
    """Seconds between two looks for what has become silent."""
    event_size_cap: PositiveInt = 1_400_000
    """An event larger than this many bytes has its largest values replaced."""
    task_always_eager: bool = False
    """Runs the Celery tasks inside the process that enqueues them: for tests, not for service."""
    log_level: Annotated[str, AfterValidator(_require_level)] = "INFO"
    log_json: bool = False

    @field_validator("masked_keys", "masked_paths", "unmasked_paths", mode="before")
    @classmethod
    def _split(cls, listed: object) -> object:
        return [each.strip() for each in listed.split(",") if each.strip()] if isinstance(listed, str) else listed

    @field_validator("masked_keys")
    @classmethod
    def _are_keys(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for key in keys:
            if not key.strip("*"):
                raise ValueError(f"{key!r} stands for every key: name a part of the key, such as '*_dsn'")
        return keys

    @field_validator("masked_paths", "unmasked_paths")
    @classmethod
    def _are_paths(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            parts = path.split(".")
            if not all(parts) or any("*" in part and part != "*" for part in parts):
                raise ValueError(
                    f"{path!r} is no path: write field.key.key, with '*' alone for any key, such as 'parameters.*.iban'"
                )
        return paths

    @classmethod
    def load(cls) -> Self:
        """Read the environment, then the run file of a running `aftercommit up` for what is not set.

        Raises:
            ConfigurationError: a variable is missing or not valid; the text names it.
        """
        _refuse_foreign()
        data_dir = _DataDir().data_dir
        found: dict[str, str] = {}
        run = read_run_file(data_dir)
        explicit = _Servers()
        if run is not None and explicit.database_url is None and explicit.broker_url is None:
            found = {"database_url": run.database_url, "broker_url": run.broker_url}
            if explicit.masking_key is None:
                found["masking_key"] = run.masking_key
        # The database and the broker come from one place, so that a doorbell never rings at another house.
        return cls._read(found, data_dir)

    @classmethod
    def of(cls, run: RunFile) -> Self:
        """Read the environment, with the servers and the key of this run file in the place of its own.

        Raises:
            ConfigurationError: a variable is not valid; the text names it.
        """
        servers = {"database_url": run.database_url, "broker_url": run.broker_url, "masking_key": run.masking_key}
        return cls._read(servers, _DataDir().data_dir)

    @classmethod
    def _read(cls, servers: dict[str, str], data_dir: Path) -> Self:
        try:
            return cls(**servers)  # type: ignore[arg-type]  # pydantic turns the key into a SecretStr.
        except ValidationError as error:
            # Not chained: pydantic's own text quotes the other settings, the masking key among them.
            raise ConfigurationError(explain(error, data_dir)) from None


class _DataDir(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="AFTERCOMMIT_", extra="ignore")
    data_dir: Path = Path(".aftercommit")


class _Servers(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="AFTERCOMMIT_", extra="ignore")
    database_url: str | None = None
    broker_url: str | None = None
    masking_key: str | None = None


def _refuse_foreign() -> None:
    """Celery takes these before its configuration: one process would ring where nobody listens."""
    for name in FOREIGN:
        if name in os.environ:
            raise ConfigurationError(
                f"{name} must not be set: it would override AFTERCOMMIT_BROKER_URL for Celery only."
            )


@lru_cache
def get_settings() -> Settings:
    """Return the settings of this process, read once at the first call."""
    return Settings.load()
