"""`aftercommit up`: the whole service in one terminal, with its own PostgreSQL and Valkey if none are named."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.access import Credentials, require_credential
from app.cli.migrate import upgrade
from app.local.embedded import start_postgres, start_valkey
from app.local.folder import announced, claimed, masking_key
from app.local.ports import Address, check_free
from app.local.probes import require_redis
from app.local.service import Service, Stage
from app.local.supervisor import Output, StopRequests, Supervisor
from app.settings import Settings
from app.settings.run_file import RunFile

PREDECESSOR_TIMEOUT = 15.0
EPILOG = """
Examples:

[bold]aftercommit up[/bold]  everything on this machine, data in .aftercommit

[bold]aftercommit up --port 8080 --flower-port 8081 --workers 2[/bold]

[bold]AFTERCOMMIT_API_AUTH_STRING=user:password aftercommit up --host 0.0.0.0[/bold]
for others on the network too, who need the password, or a key that `aftercommit keys create` makes

[bold]AFTERCOMMIT_DATABASE_URL=postgresql+psycopg://... AFTERCOMMIT_BROKER_URL=redis://... aftercommit up[/bold]
with servers of your own: what is named is not started here

Ctrl-C stops everything in order; a second Ctrl-C hurries. The data stays for the next start.
"""


class Given(BaseSettings):
    """What the operator brings along; what is missing, `up` makes itself."""

    model_config = SettingsConfigDict(env_prefix="AFTERCOMMIT_", extra="ignore", env_ignore_empty=True)
    database_url: str | None = None
    broker_url: str | None = None
    masking_key: str | None = None


def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of the API.")] = 4200,
    flower_port: Annotated[int, typer.Option(min=1, max=65535, help="The port of Flower, on 127.0.0.1.")] = 5555,
    host: Annotated[
        str, typer.Option(help="Where the API listens; beyond loopback with credentials only.")
    ] = "127.0.0.1",
    data_dir: Annotated[
        Path, typer.Option(envvar="AFTERCOMMIT_DATA_DIR", file_okay=False, help="Where the data is kept.")
    ] = Path(".aftercommit"),
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many Celery workers, of two children each.")] = 1,
    no_flower: Annotated[bool, typer.Option("--no-flower", help="Do without Flower.")] = False,
) -> None:
    """Run the API, the workers, the beat and Flower, with PostgreSQL and Valkey, until Ctrl-C."""
    api = Address("the API", host, port, "--port")
    flower = None if no_flower else Address("Flower", "127.0.0.1", flower_port, "--flower-port")
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    output = Output(sys.stdout, width=len(f"worker{workers}"), coloured=coloured)
    folder = data_dir.resolve()
    with StopRequests() as requests, claimed(folder) as predecessor_was_killed:
        supervisor = Supervisor(output.say, requests)
        with _stopped_at_the_end(supervisor, output):
            if predecessor_was_killed:
                output.say("The `up` before was killed: its processes may need a moment to end.")
            patience = PREDECESSOR_TIMEOUT if predecessor_was_killed else 0.0
            check_free([api, flower] if flower else [api], patience=patience, check=requests.check)
            run = _prepare(folder, supervisor, requests, output, api, flower)
            Service(folder, run, supervisor, output).start(api, flower, workers)
            with announced(folder, run):
                flower_text = f"  Flower {run.flower_url}" if run.flower_url else ""
                output.say(f"aftercommit is ready: API {run.api_url}{flower_text}  (Ctrl-C stops it)")
                supervisor.run()


@contextmanager
def _stopped_at_the_end(supervisor: Supervisor, output: Output) -> Iterator[None]:
    """Stop everything in order, whatever ends the block; a wish to stop is a good end."""
    try:
        yield
    except KeyboardInterrupt:
        output.say("Stopping ... (Ctrl-C again hurries)")
    finally:
        supervisor.stop()
    output.say("Stopped.")


def _prepare(
    folder: Path,
    supervisor: Supervisor,
    requests: StopRequests,
    output: Output,
    api: Address,
    flower: Address | None,
) -> RunFile:
    """Get a database with the schema of this version, a broker and a masking key; return where all will be found."""
    given = Given()
    if given.broker_url is not None:
        require_redis(given.broker_url)
    database_url = given.database_url or _start_database(folder, supervisor, requests, output)
    broker_url = given.broker_url or _start_broker(folder, supervisor, requests, output)
    output.say("Bringing the database up to date ...")
    with requests.interrupting():
        upgrade(database_url)
    run = RunFile(
        database_url=database_url,
        broker_url=broker_url,
        masking_key=given.masking_key or masking_key(folder),
        api_url=f"{api.url}/api",
        flower_url=flower.url if flower else None,
        pid=os.getpid(),
    )
    with requests.interrupting():
        _require_credential(run, api)
    return run


def _require_credential(run: RunFile, api: Address) -> None:
    """Refuse to listen on the network without a credential. The API's own process says what else there is to say."""
    credentials = Credentials(settings := Settings.of(run))
    try:
        require_credential(settings, api.host, credentials.read_keys)
    finally:
        credentials.close()


def _start_database(folder: Path, supervisor: Supervisor, requests: StopRequests, output: Output) -> str:
    output.say(f"Starting PostgreSQL, data in {folder / 'postgres'} ...")
    server = start_postgres(folder, check=requests.check)
    supervisor.add(server, stage=Stage.DATABASE, patience=10)
    return server.url


def _start_broker(folder: Path, supervisor: Supervisor, requests: StopRequests, output: Output) -> str:
    output.say(f"Starting Valkey, data in {folder / 'valkey'} ...")
    server = start_valkey(folder, check=requests.check)
    supervisor.add(server, stage=Stage.BROKER, patience=5)
    return server.url
