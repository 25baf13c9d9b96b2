"""`aftercommit up`: runs the whole service, with embedded PostgreSQL and Valkey unless others are configured."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.access import Credentials, require_credential
from app.cli.masking_key import ReplaceMaskingKey, settle_masking_key
from app.cli.migrate import upgrade
from app.cli.operator import Reason
from app.local.embedded import start_postgres, start_valkey
from app.local.folder import load_or_create_masking_key, lock_data_folder, publish_run_file
from app.local.ports import Address, check_free
from app.local.probes import require_broker_url
from app.local.service import Service, Stage
from app.local.supervisor import JsonOutput, Output, StopRequests, Supervisor
from app.settings import Settings, log_settings
from app.settings.run_file import Pooler, RunFile

PREDECESSOR_TIMEOUT = 15.0
EPILOG = """
Examples:

[bold]aftercommit up[/bold]  everything on this machine, data in .aftercommit

[bold]aftercommit up --port 8080 --flower-port 8081 --workers 2[/bold]

[bold]AFTERCOMMIT_API_AUTH_STRING=user:password aftercommit up --host 0.0.0.0[/bold]
reachable from the network; requests need the password, or a key from `aftercommit keys create`

[bold]AFTERCOMMIT_DATABASE_URL=postgresql+psycopg://... AFTERCOMMIT_BROKER_URL=redis://... aftercommit up[/bold]
with your own servers: a server whose URL is set is not started here

Ctrl-C stops all processes in order; a second Ctrl-C shortens the wait. The data is kept for the next start.
"""


class OperatorSettings(BaseSettings):
    """The servers and the masking key that the operator configured; `up` provides what is missing."""

    model_config = SettingsConfigDict(env_prefix="AFTERCOMMIT_", extra="ignore", env_ignore_empty=True)
    database_url: str | None = None
    database_pooler: Pooler = "none"
    broker_url: str | None = None
    masking_key: str | None = None


def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of the API.")] = 4200,
    flower_port: Annotated[int, typer.Option(min=1, max=65535, help="The port of Flower, on 127.0.0.1.")] = 5555,
    host: Annotated[
        str, typer.Option(help="The address of the API; one beyond loopback needs a credential.")
    ] = "127.0.0.1",
    data_dir: Annotated[
        Path, typer.Option(envvar="AFTERCOMMIT_DATA_DIR", file_okay=False, help="The folder for all data.")
    ] = Path(".aftercommit"),
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="The number of Celery workers, with two child processes each.")
    ] = 1,
    no_flower: Annotated[bool, typer.Option("--no-flower", help="Do not start Flower.")] = False,
    replace_masking_key: ReplaceMaskingKey = False,
    _reason: Reason = None,
) -> None:
    """Run the API, the workers, beat and Flower, with PostgreSQL and Valkey, until Ctrl-C."""
    api = Address("the API", host, port, "--port")
    flower = None if no_flower else Address("Flower", "127.0.0.1", flower_port, "--flower-port")
    output = _output(width=len(f"worker{workers}"))
    folder = data_dir.resolve()
    with StopRequests() as stop_requests, lock_data_folder(folder) as predecessor_was_killed:
        supervisor = Supervisor(output.say, stop_requests)
        with _stop_at_the_end(supervisor, output):
            if predecessor_was_killed:
                output.say("waiting", "The previous `up` was killed: its processes may need a moment to end.")
            timeout = PREDECESSOR_TIMEOUT if predecessor_was_killed else 0.0
            check_free([api, flower] if flower else [api], timeout=timeout, check=stop_requests.check)
            run = _prepare(folder, supervisor, stop_requests, output, api, flower)
            with stop_requests.interruptible():
                settings = Settings.of(run)
                settle_masking_key(settings, replace=replace_masking_key)
                _require_credential(settings, api)
            Service(folder, run, supervisor, output).start(api, flower, workers)
            with publish_run_file(folder, run):
                flower_text = f"  Flower {run.flower_url}" if run.flower_url else ""
                output.say("ready", f"aftercommit is ready: API {run.api_url}{flower_text}  (Ctrl-C stops it)")
                supervisor.run()


def _output(width: int) -> Output:
    if log_settings().log_json:
        return JsonOutput()
    return Output(sys.stdout, width=width, coloured=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))


@contextmanager
def _stop_at_the_end(supervisor: Supervisor, output: Output) -> Iterator[None]:
    """Stop all processes in order when the block ends; a KeyboardInterrupt is a normal end."""
    try:
        yield
    except KeyboardInterrupt:
        output.say("stopping", "Stopping ... (Ctrl-C again shortens the wait)")
    finally:
        supervisor.stop()
    output.say("stopped", "Stopped.")


def _prepare(
    folder: Path,
    supervisor: Supervisor,
    stop_requests: StopRequests,
    output: Output,
    api: Address,
    flower: Address | None,
) -> RunFile:
    """Provide a migrated database, a broker and a masking key; return the run file that describes them."""
    configured = OperatorSettings()
    if configured.broker_url is not None:
        require_broker_url(configured.broker_url)
    database_url = configured.database_url or _start_database(folder, supervisor, stop_requests, output)
    # The embedded PostgreSQL has no pooler.
    pooler = configured.database_pooler if configured.database_url else "none"
    broker_url = configured.broker_url or _start_broker(folder, supervisor, stop_requests, output)
    output.say("migrating", "Bringing the database up to date ...")
    with stop_requests.interruptible():
        upgrade(database_url, pooler)
    return RunFile(
        database_url=database_url,
        database_pooler=pooler,
        broker_url=broker_url,
        masking_key=configured.masking_key or load_or_create_masking_key(folder),
        api_url=f"{api.url}/api",
        flower_url=flower.url if flower else None,
        pid=os.getpid(),
    )


def _require_credential(settings: Settings, api: Address) -> None:
    """Refuse to listen on the network without a credential. The API process prints any further notice."""
    credentials = Credentials(settings)
    try:
        require_credential(settings, api.host, credentials.read_keys)
    finally:
        credentials.close()


def _start_database(folder: Path, supervisor: Supervisor, stop_requests: StopRequests, output: Output) -> str:
    output.say("starting", f"Starting PostgreSQL, data in {folder / 'postgres'} ...")
    server = start_postgres(folder, check=stop_requests.check)
    supervisor.add(server, stage=Stage.DATABASE, stop_timeout=10)
    return server.url


def _start_broker(folder: Path, supervisor: Supervisor, stop_requests: StopRequests, output: Output) -> str:
    output.say("starting", f"Starting Valkey, data in {folder / 'valkey'} ...")
    server = start_valkey(folder, check=stop_requests.check)
    supervisor.add(server, stage=Stage.BROKER, stop_timeout=5)
    return server.url
