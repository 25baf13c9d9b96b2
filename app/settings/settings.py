"""All settings of aftercommit. No other module reads the environment."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.errors import ConfigurationError
from app.settings.environment import check_environment
from app.settings.explain import explain
from app.settings.logs import LogSettings
from app.settings.run_file import Pooler, RunFile, read_run_file
from app.settings.texts import ActorField, AuthString, BrokerUrl, MaskingKey, Network, PathPrefix

CommaSeparated = Annotated[tuple[str, ...], NoDecode]
"""Texts that are separated by commas in the environment."""


class Settings(LogSettings):
    """The settings, read from `AFTERCOMMIT_*` in the environment.

    Fields without a default may come from the run file in the data folder. If one is missing in both places, the
    process does not start, and the error names the variable to set.
    """

    model_config = SettingsConfigDict(hide_input_in_errors=True)

    data_dir: Path = Path(".aftercommit")
    database_url: str = Field(min_length=1)
    broker_url: BrokerUrl
    masking_key: MaskingKey

    masked_keys: CommaSeparated = ()
    """More keys to mask, such as `license` or `*_dsn`. `*` matches any characters. Case is ignored."""
    masked_paths: CommaSeparated = ()
    """More paths to mask, in the form `field.key.key`, such as `parameters.customer`. `*` matches any key."""
    unmasked_paths: CommaSeparated = ()
    """Paths in the same form that must not be masked because of a key, such as `infra_overrides.env.LOG_LEVEL`."""
    actor_fields: Annotated[tuple[ActorField, ...], NoDecode] = get_args(ActorField)
    """What snapshots and events say about a change in addition to its actor."""

    database_pooler: Pooler = "none"
    """`transaction`: a pooler in transaction mode, such as PgBouncer, is between us and PostgreSQL."""
    database_pool_size: PositiveInt = 32
    database_connect_timeout: PositiveInt = 2
    database_statement_timeout_ms: PositiveInt = 30_000
    database_lock_timeout_ms: PositiveInt = 1_000
    database_idle_transaction_timeout_ms: PositiveInt = 10_000
    api_threads: PositiveInt = 32
    api_body_limit: PositiveInt = 4 * 1024 * 1024
    api_version: str = "3.8.8"
    """The Prefect server version that `/admin/version` returns. Its major version must be the client's."""

    api_auth_string: AuthString | None = None
    """`user:password`, as in Prefect's PREFECT_API_AUTH_STRING. It gives full access."""
    allowed_hosts: CommaSeparated = ()
    """Host names, with or without a port, that requests may be sent to, and whose pages may send changes."""
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    """Addresses and networks of reverse proxies. Only their `X-Forwarded-For` and `X-Forwarded-Proto` are believed."""
    path_prefix: PathPrefix = ""
    """The path at which a reverse proxy shows the service, such as `/prefect`. The proxy removes it."""
    page: Literal["prefect", "off"] = "prefect"
    """Whether the API serves Prefect's web pages, if set-up has unpacked them."""
    page_dir: Path | None = None
    """The folder into which Prefect's package was unpacked. By default it is in the Python environment."""
    csrf_protection: bool = False
    """Whether changes need a CSRF token. Pages of other sites cannot read this token in the user's browser."""

    live_readers: PositiveInt = 1000
    """The most WebSockets and streams that may follow the log at the same time in one API process."""
    live_send_timeout: PositiveFloat = 30.0
    """Seconds after which a reader that accepts no data is disconnected."""

    publish_queue_size: PositiveInt = 10_000
    publish_pace_ms: Annotated[float, Field(ge=0)] = 12.0
    """The time between two messages of an API process. Changes that are committed meanwhile share one message."""
    publish_linger_ms: Annotated[float, Field(ge=0)] = 0.0
    """How long the first message after a pause waits for more changes."""
    dispatch_batch_size: PositiveInt = 500
    sweep_interval: PositiveFloat = 5.0
    sweep_grace: Annotated[float, Field(ge=0)] = 3.0
    readiness_silence: PositiveFloat = 60.0
    """Seconds without a poll after which a work queue or a deployment is not ready."""
    readiness_interval: PositiveFloat = 10.0
    """Seconds between two checks for resources that are no longer ready."""
    source_interval: PositiveFloat = 0.5
    """Seconds between two looks into the databases of attached sources."""
    source_verify_interval: PositiveFloat = 86_400.0
    """Seconds between two comparisons of all rows of an attached source with the log."""
    event_size_cap: PositiveInt = 1_400_000
    """The size in bytes above which the largest values of an event are replaced by their sizes."""
    worker_remote_control: bool = False
    """Whether workers obey commands of Celery's remote control that steer them, and Flower has buttons for these."""
    task_always_eager: bool = False
    """Runs the Celery tasks inside the process that enqueues them. For tests only."""

    @field_validator(
        "actor_fields",
        "allowed_hosts",
        "masked_keys",
        "masked_paths",
        "trusted_proxies",
        "unmasked_paths",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("masked_keys")
    @classmethod
    def _are_keys(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for key in keys:
            if not key.strip("*"):
                raise ValueError(f"{key!r} matches every key: write a part of the key, such as '*_dsn'")
        return keys

    @field_validator("masked_paths", "unmasked_paths")
    @classmethod
    def _are_paths(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            parts = path.split(".")
            if not all(parts) or any("*" in part and part != "*" for part in parts):
                raise ValueError(
                    f"{path!r} is not a path: write field.key.key, with '*' for any key, such as 'parameters.*.iban'"
                )
        return paths

    @classmethod
    def load(cls) -> Self:
        """Read the environment, and the run file of a running `aftercommit up` for variables that are not set.

        Raises:
            ConfigurationError: a variable is missing or not valid; the text names it.
        """
        data_dir = _DataDir().data_dir
        servers: dict[str, str] = {}
        run = read_run_file(data_dir)
        explicit = _Servers()
        # The database and the broker must come from the same source. Otherwise doorbells could reach the workers of
        # another database.
        if run is not None and explicit.database_url is None and explicit.broker_url is None:
            servers = {
                "database_url": run.database_url,
                "database_pooler": run.database_pooler,
                "broker_url": run.broker_url,
            }
            if explicit.masking_key is None:
                servers["masking_key"] = run.masking_key
        return cls._read(servers, data_dir)

    @classmethod
    def of(cls, run: RunFile) -> Self:
        """Read the environment, but take the servers and the masking key from this run file.

        Raises:
            ConfigurationError: a variable is not valid; the text names it.
        """
        servers = {
            "database_url": run.database_url,
            "database_pooler": run.database_pooler,
            "broker_url": run.broker_url,
            "masking_key": run.masking_key,
        }
        return cls._read(servers, _DataDir().data_dir)

    @classmethod
    def _read(cls, servers: dict[str, str], data_dir: Path) -> Self:
        check_environment(os.environ, Settings.model_fields.keys())
        try:
            return cls(**servers)  # type: ignore[arg-type]  # pydantic turns the key into a SecretStr.
        except ValidationError as error:
            # Not chained: pydantic's own text contains other settings, such as the masking key.
            raise ConfigurationError(explain(error, data_dir)) from None


class _DataDir(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="AFTERCOMMIT_", extra="ignore")
    data_dir: Path = Path(".aftercommit")


class _Servers(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="AFTERCOMMIT_", extra="ignore")
    database_url: str | None = None
    broker_url: str | None = None
    masking_key: str | None = None


@lru_cache
def get_settings() -> Settings:
    """Return the settings of this process. The first call reads them."""
    return Settings.load()
