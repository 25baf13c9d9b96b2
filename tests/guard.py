"""A guard in every test database: the commit fails if a tracked row changes without its snapshot or event.

A test that changes rows without snapshots on purpose uses `unguarded` or the fixture `unguarded_world`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, create_engine, func, make_url, select, text
from sqlalchemy.orm import Session

from app.capture.kind_classes import ResourceKind
from app.capture.kinds import tracked_kinds
from tests.databases import administer

SWITCH: Final = "aftercommit.unguarded"

# Raw SQL: the models do not cover triggers. No value comes from outside.
FUNCTION: Final = f"""
CREATE FUNCTION refuse_unrecorded_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := to_jsonb(OLD);
    after jsonb := to_jsonb(NEW);
    expected integer := coalesce((after ->> 'revision')::integer, (before ->> 'revision')::integer + 1);
    done text := CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'DELETE' THEN 'deleted' ELSE coalesce(
        lower(replace(nullif(after ->> 'status', before ->> 'status'), '_', '-')), 'updated') END;
    id_ uuid := (coalesce(after, before) ->> 'id')::uuid;
BEGIN
    IF current_setting('{SWITCH}', true) = 'on' THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF before - TG_ARGV[1]::text[] = after - TG_ARGV[1]::text[] THEN
            RETURN NULL;
        END IF;
        IF expected <> (before ->> 'revision')::integer + 1 THEN
            RAISE EXCEPTION 'A % changed without the next revision.', TG_ARGV[0];
        END IF;
    END IF;
    PERFORM FROM snapshot s
        WHERE s.resource_id = id_ AND s.revision = expected AND s.kind = TG_ARGV[0] AND s.operation = done;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM FROM event e
        WHERE e.resource_id = 'prefect.' || TG_ARGV[0] || '.' || id_ AND e.revision = expected
        AND e.event = 'prefect.' || TG_ARGV[0] || '.' || done;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'A % was % without a snapshot or an event.', TG_ARGV[0], done;
    END IF;
    RETURN NULL;
END $$
"""


def install(url: str) -> None:
    """Add the guard to the table of every tracked kind in a migrated database."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(FUNCTION))
        for kind in tracked_kinds():
            connection.execute(text(_trigger(kind)))
    engine.dispose()


@contextmanager
def unguarded(session: Session | Connection) -> Iterator[None]:
    """Allow changes without snapshots in this block, and before it in the same transaction."""
    _switch(session, "on")
    yield
    if isinstance(session, Session):
        session.flush()
    session.execute(text("SET CONSTRAINTS guard IMMEDIATE"))
    session.execute(text("SET CONSTRAINTS guard DEFERRED"))
    _switch(session, "off")


@contextmanager
def unguarded_database(url: str) -> Iterator[None]:
    """Allow changes without snapshots on every connection to this database opened in this block."""
    name = make_url(url).database
    administer(url, f'ALTER DATABASE "{name}" SET {SWITCH} = on')
    yield
    administer(url, f'ALTER DATABASE "{name}" RESET {SWITCH}')


def _switch(session: Session | Connection, value: str) -> None:
    session.execute(select(func.set_config(SWITCH, value, True)))


def _trigger(kind: ResourceKind) -> str:
    table = kind.table
    others = ",".join(sorted(table.columns.keys() - kind.tracked.keys()))
    return (
        f"CREATE CONSTRAINT TRIGGER guard AFTER INSERT OR UPDATE OR DELETE ON {table.name}"
        f" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
        f" EXECUTE FUNCTION refuse_unrecorded_change('{kind.name}', '{{{others}}}')"
    )
