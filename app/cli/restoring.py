"""`aftercommit history NAME --restore REVISION`: brings a deployment back to a revision, or shows what would change."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from app.broker import doorbells
from app.capture.attribution import acting_as, attribution
from app.capture.kind_classes import ResourceKind
from app.capture.kinds import DEPLOYMENT
from app.capture.snapshot import Snapshot, capture, make_masker
from app.cli.data_dir import all_settings_in
from app.cli.database import database_sessions
from app.cli.diff_lines import Line, difference_lines
from app.cli.diff_printing import print_lines
from app.cli.targets import Target
from app.cli.text_printing import print_text
from app.crud.deployments.restoring import restore_deployment
from app.errors import Conflict, NotSupported
from app.log.comparison import may_differ
from app.log.state import Phase
from app.postgres.base import JsonObject
from app.settings import Settings
from app.sources.history import SourceKind

Restore = Annotated[
    int | None,
    typer.Option("--restore", min=1, metavar="REVISION", help="Change a deployment back to this revision."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="With --restore, only show what would change.")]


def restore(target: Target, revision: int, dry_run: bool, as_json: bool, data_dir: Path) -> None:
    """Restore the deployment, and print what changed.

    Raises:
        NotSupported: the resource is no deployment.
        NotFound: no such deployment is known, or the log has no event with this revision.
        Conflict: it was deleted, or a value or a resource that the revision needs is not at hand.
    """
    if target.kind is not None:
        _require_deployment(target, target.kind)
    settings = all_settings_in(data_dir)
    current = attribution.get()
    because = replace(current, reason=current.reason or f"restored to revision {revision}")
    with acting_as(because):
        snapshots = _restore(settings, target, revision, dry_run)
    # The process ends now, and the doorbells are sent by a thread.
    doorbells.close()
    _print(target, revision, dry_run, as_json, snapshots)


def _restore(settings: Settings, target: Target, revision: int, dry_run: bool) -> list[Snapshot]:
    """Restore the deployment and return the snapshots of all changes. A dry run does the same, and rolls it back."""
    masker = make_masker(settings)
    with database_sessions(settings) as sessions, sessions() as session:
        histories = target.histories(session)
        _require_deployment(target, histories[0].kind)
        existing = [history for history in histories if history.phase() is not Phase.DELETED]
        if not existing:
            raise Conflict(
                f"{target.text} was deleted, and cannot be restored: deploy it again. "
                "`aftercommit history --at` shows its state at a time."
            )
        (past,) = target.up_to_revision(existing, revision)
        history = next(known for known in existing if known.id == past.id)
        changes = restore_deployment(session, history, past, masker)
        snapshots = [capture(change, masker, {}) for change in changes]
        if dry_run:
            session.rollback()
        else:
            session.commit()
    return snapshots


def _require_deployment(target: Target, kind: ResourceKind) -> None:
    if isinstance(kind, SourceKind):
        raise NotSupported(
            f"{target.text} belongs to the source {kind.source}: aftercommit reads its database and never changes it. "
            "Restore it there; `aftercommit diff` shows what is different."
        )
    if kind is not DEPLOYMENT:
        raise NotSupported(f"Only deployments can be restored, and {target.text} is a {kind.name}.")


def _print(target: Target, revision: int, dry_run: bool, as_json: bool, snapshots: Sequence[Snapshot]) -> None:
    if as_json:
        typer.echo(json.dumps(_as_json(target, revision, dry_run, snapshots), ensure_ascii=False, default=str))
        return
    if not snapshots:
        print_text(f"Nothing differs: {target.text} is as in revision {revision}.")
        return
    done = "would be restored" if dry_run else "is restored"
    print_text(f"{target.text} {done} to revision {revision}, as revision {snapshots[0].revision}:")
    print_lines(_lines(snapshots[0]))
    for effect in snapshots[1:]:
        print_text(f"As a result: {effect.label}.")


def _lines(snapshot: Snapshot) -> Iterator[Line]:
    before, after = snapshot.before or {}, snapshot.after or {}
    for field in sorted(after):
        yield from difference_lines(field, before[field], after[field])


def _as_json(target: Target, revision: int, dry_run: bool, snapshots: Sequence[Snapshot]) -> JsonObject:
    before, after = (snapshots[0].before or {}, snapshots[0].after or {}) if snapshots else ({}, {})
    return {
        "name": target.text,
        "resource": DEPLOYMENT.resource_id(snapshots[0].resource_id) if snapshots else None,
        "restored_to": revision,
        "dry_run": dry_run,
        "revision": snapshots[0].revision if snapshots else None,
        "changes": {
            field: {"from": before[field], "to": after[field]}
            for field in sorted(after)
            if may_differ(before[field], after[field])
        },
    }
