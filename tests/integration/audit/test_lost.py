"""A committed change without an event or a pending snapshot is reported as lost."""

from sqlalchemy import delete, update

from app.models import Deployment, EventLog, EventRow, SnapshotRow, Tombstone
from tests.integration.audit.audited_world import AuditedWorld


def test_a_snapshot_that_was_never_stored_is_lost(audited: AuditedWorld) -> None:
    audited.drop_snapshot(audited.busy, 5)
    assert audited.problems() == {"lost": 1}


def test_a_missing_change_in_the_middle_is_lost_and_nothing_else_is_wrong(audited: AuditedWorld) -> None:
    audited.drop_snapshot(audited.busy, 4)
    assert audited.problems() == {"lost": 1}


def test_a_missing_event_at_the_end_of_the_log_is_lost(audited: AuditedWorld) -> None:
    audited.session.execute(delete(EventRow).where(EventRow.position == audited.last))
    audited.session.execute(update(EventLog).values(position=audited.last - 1))
    assert audited.problems() == {"lost": 1}


def test_each_revision_without_an_entry_is_lost_and_the_finding_names_them(audited: AuditedWorld) -> None:
    audited.session.execute(update(Deployment).where(Deployment.id == audited.settled.id).values(revision=6))
    found = audited.audit()
    assert found.lost == 2
    (finding,) = found.findings
    assert (finding.resource_id, finding.revision) == (audited.settled.resource_id, 5)
    assert finding.text == "Revisions 5 to 6 have neither events nor pending snapshots."


def test_a_deployment_without_any_entry_is_lost(audited: AuditedWorld) -> None:
    audited.session.execute(delete(SnapshotRow))
    audited.session.execute(delete(EventRow))
    audited.session.execute(update(EventLog).values(position=0))
    assert audited.problems() == {"lost": 1 + 4 + 5 + 3 + 3}


def test_a_deletion_without_a_snapshot_is_lost(audited: AuditedWorld) -> None:
    audited.session.execute(delete(Deployment).where(Deployment.id == audited.settled.id))
    audited.session.add(Tombstone(id=audited.settled.id, kind="deployment", name="x", revision=5))
    assert audited.problems() == {"lost": 1}
