"""`python -m tests.openapi`: runs schemathesis against an API process, and exits with 1 if it finds a violation."""

import secrets
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from tests.acceptance.stack import ROOT, running_servers

CONFIG: Final = Path(__file__).parent / "schemathesis.toml"
CREDENTIAL: Final = "user:hunter2"
"""The credential in the configuration file."""


def main(
    seed: Annotated[int | None, typer.Option(help="What all requests come from.")] = None,
    more: Annotated[list[str] | None, typer.Argument(help="More options of `schemathesis run`.")] = None,
) -> None:
    """Send requests to every operation of the OpenAPI document, and compare the responses with it."""
    # SIGTERM raises KeyboardInterrupt, so that the servers are stopped too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = seed if seed is not None else secrets.randbelow(2**31)
    print(f"seed {chosen}", flush=True)
    with tempfile.TemporaryDirectory(prefix="aftercommit-openapi-") as folder, running_servers(Path(folder)) as stack:
        api = stack.start_api(api_auth_string=CREDENTIAL)
        options = ["--auth", CREDENTIAL, "--seed", str(chosen), "--no-color", *(more or ())]
        command = ["--config-file", str(CONFIG), "run", f"{api.url}/openapi.json", *options]
        code = subprocess.run(
            [Path(sys.executable).with_name("schemathesis"), *command], cwd=ROOT, check=False
        ).returncode
    raise typer.Exit(code)


if __name__ == "__main__":
    typer.run(main)
