"""An event or a pending snapshot without a committed change is reported as a phantom."""

import uuid
from typing import Any

import pytest
from sqlalchemy import update

from app.models import Deployment, Tombstone
from tests.integration.audit.audited_world import AuditedWorld
from tests.integration.audit.lives import Life


def test_an_event_of_a_resource_that_never_existed_is_a_phantom(audited: AuditedWorld) -> None:
    audited.append(Life(1).event(1, audited.last + 1))
    assert audited.problems() == {"phantom": 1}


def test_a_pending_snapshot_of_a_resource_that_never_existed_is_a_phantom(audited: AuditedWorld) -> None:
    audited.session.add(Life(1).snapshot(1))
    assert audited.problems() == {"phantom": 1}


def test_an_event_of_a_change_that_did_not_commit_is_a_phantom(audited: AuditedWorld) -> None:
    audited.append(audited.settled.event(5, audited.last + 1, id=uuid.uuid4()))
    assert audited.problems() == {"phantom": 1}


def test_a_pending_snapshot_of_a_change_that_did_not_commit_is_a_phantom(audited: AuditedWorld) -> None:
    audited.session.add(audited.settled.snapshot(5, id=uuid.uuid4()))
    assert audited.problems() == {"phantom": 1}


def test_an_event_after_the_deletion_is_a_phantom(audited: AuditedWorld) -> None:
    audited.append(audited.gone.event(4, audited.last + 1, id=uuid.uuid4()))
    assert audited.problems() == {"phantom": 1}


def test_a_deletion_event_of_an_existing_deployment_is_a_phantom_even_with_a_tombstone(audited: AuditedWorld) -> None:
    audited.session.add(Tombstone(id=audited.settled.id, kind="deployment", name="x", revision=5))
    deleted = "prefect.deployment.deleted"
    audited.append(audited.settled.event(5, audited.last + 1, id=uuid.uuid4(), event=deleted))
    assert audited.problems() == {"phantom": 1}


@pytest.mark.parametrize("life", ["settled", "busy"])
def test_the_latest_event_is_a_phantom_if_the_deployment_names_another_one(audited: AuditedWorld, life: str) -> None:
    where = Deployment.id == getattr(audited, life).id
    audited.session.execute(update(Deployment).where(where).values(event_id=uuid.uuid4()))
    assert audited.problems() == {"phantom": 1}


@pytest.mark.parametrize(
    "resource_id", [f"prefect.block-document.{uuid.UUID(int=1)}", f"prefect.gadget.{uuid.UUID(int=2)}", "", "prefect"]
)
def test_an_event_with_a_revision_of_an_untracked_kind_is_a_phantom(audited: AuditedWorld, resource_id: str) -> None:
    audited.append(Life(1).event(1, audited.last + 1, resource_id=resource_id))
    found = audited.audit()
    assert found.phantom == 1
    assert found.findings[0].text == f"The event at position {audited.last + 1} is about no tracked kind of resource."


def test_a_pending_snapshot_of_an_unknown_kind_is_a_phantom(audited: AuditedWorld) -> None:
    audited.session.add(Life(1).snapshot(1, kind="gadget"))
    assert audited.problems() == {"phantom": 1}


def test_a_tombstone_of_another_kind_does_not_justify_an_event(audited: AuditedWorld) -> None:
    life = Life(1)
    audited.session.add(Tombstone(id=life.id, kind="block-document", name="x", revision=1))
    audited.append(life.event(1, audited.last + 1))
    assert audited.problems() == {"phantom": 1}


@pytest.mark.parametrize("payload", [{"updated_fields": [], "updates": {}}, {}])
def test_an_updated_event_that_changes_nothing_is_a_phantom(audited: AuditedWorld, payload: dict[str, Any]) -> None:
    audited.change_event(audited.settled, 4, payload=payload)
    assert audited.problems() == {"phantom": 1}


def test_a_pending_update_that_changes_nothing_is_a_phantom(audited: AuditedWorld) -> None:
    audited.change_snapshot(audited.busy, 5, after=audited.busy.state(4))
    assert audited.problems() == {"phantom": 1}


def test_a_tombstone_of_an_existing_deployment_is_ignored(audited: AuditedWorld) -> None:
    audited.session.add(Tombstone(id=audited.settled.id, kind="deployment", name="x", revision=5))
    found = audited.audit()
    assert found.is_clean
    assert found.resources == 5
