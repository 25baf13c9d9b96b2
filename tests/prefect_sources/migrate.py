"""Runs with Prefect's Python: goes down through the migrations of its database to a revision, and up again.

It prints the revision after each step, and takes the next step at each line of standard input.
"""

import sys

from alembic.script import ScriptDirectory
from prefect.server.database.alembic_commands import alembic_config, alembic_downgrade, alembic_upgrade

floor = sys.argv[1]
newest_first = []
for script in ScriptDirectory.from_config(alembic_config()).walk_revisions():
    newest_first.append(script.revision)
    if script.revision == floor:
        break

steps = [(alembic_downgrade, revision) for revision in newest_first[1:]]
steps += [(alembic_upgrade, revision) for revision in reversed(newest_first[:-1])]
for migrate, revision in steps:
    migrate(revision)
    print(f"at {revision}", flush=True)
    sys.stdin.readline()
print("end", flush=True)
