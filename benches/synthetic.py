"""Any number of snapshots in the form that the service writes, inserted by PostgreSQL itself."""

from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.capture.attribution import Attribution, acting_as
from app.capture.kinds import DEPLOYMENT
from app.crud.deployments.upsert import upsert_deployment
from app.models import SCHEMA_VERSION, SnapshotRow
from app.schemas.deployments import DeploymentCreate
from benches.bodies import deployment
from tests.acceptance.stack import Stack

REVISIONS: Final = 4
"""Snapshots of each resource in a backlog: a creation and three updates."""

ATTRIBUTION: Final = Attribution(
    "key:ci", "write", "prefect/3.8.8 (API 0.8.4)", "10.0.0.7", "0123456789abcdef0123456789abcdef"
)
"""What a request of a program with a key says of itself."""

BACKLOG: Final = """
WITH resource AS MATERIALIZED (
  SELECT n, encode(set_byte(bytes, 15, get_byte(bytes, 15) & %(lane_mask)s), 'hex')::uuid AS id
  FROM generate_series(1, %(resources)s) AS n, LATERAL (SELECT uuid_send(gen_random_uuid()) AS bytes WHERE n > 0) AS a
), change AS MATERIALIZED (
  SELECT n, resource.id AS resource_id, revision, uuidv7() AS id
  FROM resource, generate_series(1, %(revisions)s) AS revision
)
INSERT INTO snapshot (id, lane, kind, resource_id, revision, operation, occurred, name, before, after, "references",
                      follows, attribution, schema_version)
SELECT id, get_byte(uuid_send(resource_id), 15) %% 64, %(kind)s, resource_id, revision,
       CASE WHEN revision = 1 THEN 'created' ELSE 'updated' END, clock_timestamp(), 'bench-' || n,
       CASE WHEN revision > 1 THEN %(after)s || jsonb_build_object('description', 'change ' || (revision - 1)) END,
       %(after)s || jsonb_build_object('description', 'change ' || revision),
       %(references)s, lag(id) OVER (PARTITION BY resource_id ORDER BY revision), %(attribution)s, %(schema_version)s
FROM change ORDER BY revision, n
"""


@dataclass(frozen=True)
class Template:
    """The JSON of a snapshot that the service captured: the state of a deployment, its references and attribution."""

    after: dict[str, Any]
    references: dict[str, Any]
    attribution: dict[str, Any]


def capture_template(sessions: sessionmaker[Session], flow_id: str) -> Template:
    """Return the snapshot of a deployment's creation in this flow; the creation is rolled back."""
    body = DeploymentCreate.model_validate(deployment(flow_id, "template"))
    with sessions() as session, acting_as(ATTRIBUTION):
        deployment_id = upsert_deployment(session, body).id
        row = session.scalars(select(SnapshotRow).where(SnapshotRow.resource_id == deployment_id)).one()
        assert row.after is not None, "the snapshot of a creation has an `after` state"
        template = Template(row.after, row.references, row.attribution)
        session.rollback()
    return template


def connect(stack: Stack) -> psycopg.Connection[Any]:
    """Return an autocommit connection to our database."""
    return psycopg.connect(stack.database.url.replace("+psycopg", ""), autocommit=True)


def insert_backlog(
    connection: psycopg.Connection[Any], template: Template, count: int, *, one_lane: bool = False
) -> None:
    """Insert `count` snapshots, a multiple of `REVISIONS`, then vacuum, analyze and write a checkpoint.

    They are spread over all lanes, or all in lane 0 with `one_lane`.
    """
    parameters = {
        "resources": count // REVISIONS,
        "revisions": REVISIONS,
        # The lane is the last six bits of the resource id.
        "lane_mask": 0xC0 if one_lane else 0xFF,
        "kind": DEPLOYMENT.name,
        "after": Jsonb(template.after),
        "references": Jsonb(template.references),
        "attribution": Jsonb(template.attribution),
        "schema_version": SCHEMA_VERSION,
    }
    connection.execute(BACKLOG, parameters)
    connection.execute("VACUUM ANALYZE snapshot")
    connection.execute("CHECKPOINT")
