"""The SQL that attaching runs in a foreign database: a schema, two tables, one trigger function, and the triggers.

A trigger only inserts what its row was and is. It looks nothing up and takes no lock that the change itself did not
take. Folding, comparing and masking happen later, in our workers.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.sources.profile import Profile, ProfileTable

SCHEMA: Final = "aftercommit"
VERSION: Final = 1
"""The version of what is installed. Increase it with every change of this file's SQL."""

CLAIM: Final = "INSERT INTO aftercommit.attachment (version, profile) VALUES ({version}, {profile});\n"

UNINSTALL: Final = f"DROP SCHEMA {SCHEMA} CASCADE"
"""Removes all that was installed. The triggers go with their function."""


def install_sql(profile: Profile, *, never_fail: bool = False, grant_to: str | None = None) -> str:
    """Return the statements that attaching runs, as one text.

    Args:
        profile: the tables, their noise and their kinds.
        never_fail: a change that cannot be captured leaves a gap instead of failing.
        grant_to: a role that may read and move the changes.
    """
    parts = [
        _file("tables.sql"),
        _file("capture_never_fail.sql" if never_fail else "capture.sql"),
        f"REVOKE ALL ON FUNCTION {SCHEMA}.capture() FROM PUBLIC;\n",
    ]
    parts += ["\n".join(_triggers(name, table, never_fail)) + "\n" for name, table in profile.tables.items()]
    if grant_to is not None:
        parts.append("\n".join(_grants(profile, identifier(grant_to))) + "\n")
    # Last, because it says that all is installed.
    parts.append(CLAIM.format(version=VERSION, profile=literal(fingerprint(profile))))
    return "\n".join(parts)


def _file(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def fingerprint(profile: Profile) -> str:
    """Return a text that changes whenever the profile's meaning changes. It says which profile was installed."""
    return hashlib.sha256(profile.model_dump_json().encode()).hexdigest()


def _triggers(name: str, table: ProfileTable, never_fail: bool) -> Iterator[str]:
    """Yield the statements that create the triggers of a table.

    The condition compares whole rows. One that named a column would keep the owner of the table from dropping it.
    """
    noise = literal("{" + ",".join(_array_element(column) for column in table.noise) + "}")
    relation, target = literal(name), qualified(table)
    if never_fail:
        yield (
            f"CREATE TRIGGER aftercommit_capture AFTER INSERT OR UPDATE OR DELETE ON {target}"
            f" FOR EACH ROW EXECUTE FUNCTION {SCHEMA}.capture({relation}, {noise});"
        )
        return
    yield (
        f"CREATE TRIGGER aftercommit_capture AFTER INSERT OR DELETE ON {target}"
        f" FOR EACH ROW EXECUTE FUNCTION {SCHEMA}.capture({relation});"
    )
    yield (
        f"CREATE TRIGGER aftercommit_capture_update AFTER UPDATE ON {target}"
        f" FOR EACH ROW WHEN (to_jsonb(OLD) - {noise}::text[] IS DISTINCT FROM to_jsonb(NEW) - {noise}::text[])"
        f" EXECUTE FUNCTION {SCHEMA}.capture({relation});"
    )


def _grants(profile: Profile, role: str) -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role};"
    yield f"GRANT SELECT, UPDATE ON {SCHEMA}.attachment TO {role};"
    yield f"GRANT SELECT, DELETE ON {SCHEMA}.row_change TO {role};"
    for table in profile.tables.values():
        yield f"GRANT SELECT ON {qualified(table)} TO {role};"


def qualified(table: ProfileTable) -> str:
    """Return the table's name with its schema, as SQL."""
    return ".".join(map(identifier, table.schema_and_table))


def identifier(name: str) -> str:
    """Return a name as SQL, whatever its characters."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL, whatever its characters. The setting `standard_conforming_strings` must be on."""
    return "'" + text.replace("'", "''") + "'"


def _array_element(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
