"""Programs that tests take from packages of the operating system. `.ci/run` installs them."""

import os
import shutil
from pathlib import Path
from typing import Final

import pytest

OLD_SERVERS: Final = Path("/usr/lib/postgresql")
"""Where Debian's packages install PostgreSQL, with a folder for each major version."""
NOBODY: Final = 65534
"""The user as whom these programs run if the tests run as root, whom they refuse."""


def pgbouncer_program() -> str:
    """Return the path of PgBouncer, or skip the test."""
    found = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if found is None:
        pytest.skip("PgBouncer is not installed: apt install pgbouncer")
    return found


def old_postgres() -> Path:
    """Return the folder with the programs of a PostgreSQL older than 18, or skip the test.

    It is the oldest one of Debian's packages, or the one that the variable `OLD_POSTGRES` names.
    """
    if chosen := os.environ.get("OLD_POSTGRES"):
        return Path(chosen)
    versions = sorted(OLD_SERVERS.glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    if not versions or int(versions[0].parent.parent.name) >= 18:
        pytest.skip("No PostgreSQL older than 18 is installed: apt install postgresql-15")
    return versions[0].parent
