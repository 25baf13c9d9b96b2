"""The format of snapshots is pinned to their schema version: an older worker must never misread a newer snapshot."""

from typing import Final

from app.capture.kinds import KINDS, tracked_kinds
from app.models import SCHEMA_VERSION

HOW_TO_FIX: Final = (
    "The kinds, tracked fields, edges or labels have changed. Increase SCHEMA_VERSION in app/models/snapshot.py, and "
    "add the new version to VERSIONS in this file. Never change the entry of a version that was released."
)

VERSIONS: Final = {
    1: {
        "kinds": "block-document concurrency-limit deployment flow work-pool work-queue",
        "deployment": (
            "concurrency_limit concurrency_limit_id concurrency_options description enforce_parameter_schema entrypoint"
            " infra_overrides infrastructure_document_id labels parameter_openapi_schema parameters path paused"
            " pull_steps schedules storage_document_id tags version work_queue_id"
        ),
        "deployment's edges": (
            "concurrency_limit_id flow_id infrastructure_document_id storage_document_id work_queue_id"
        ),
    },
    2: {
        "kinds": "block-document concurrency-limit deployment flow work-pool work-queue",
        "flow": "labels tags",
        "flow's edges": "",
        "flow's labels": "",
        "work-pool": "base_job_template concurrency_limit description is_paused status storage_configuration",
        "work-pool's edges": "default_queue_id default_result_storage_block_id",
        "work-pool's labels": "prefect.resource.role prefect.work-pool.type",
        "work-queue": "concurrency_limit description filter is_paused name priority status",
        "work-queue's edges": "work_pool_id",
        "work-queue's labels": "prefect.resource.role",
        "concurrency-limit": "active limit name slot_decay_per_second",
        "concurrency-limit's edges": "",
        "concurrency-limit's labels": "",
        "deployment": (
            "concurrency_limit concurrency_limit_id concurrency_options description enforce_parameter_schema entrypoint"
            " infra_overrides infrastructure_document_id labels parameter_openapi_schema parameters path paused"
            " pull_steps schedules status storage_document_id tags version work_queue_id"
        ),
        "deployment's edges": (
            "concurrency_limit_id flow_id infrastructure_document_id storage_document_id work_queue_id"
        ),
        "deployment's labels": "",
    },
}


def declared() -> dict[str, str]:
    """Return what this code may write into a snapshot, in the form of `VERSIONS`."""
    found = {"kinds": " ".join(sorted(KINDS))}
    for kind in tracked_kinds():
        found[kind.name] = " ".join(sorted(kind.tracked))
        found[f"{kind.name}'s edges"] = " ".join(sorted(edge.column for edge in kind.edges))
        found[f"{kind.name}'s labels"] = " ".join(sorted(kind.labels))
    return found


def test_the_contents_of_a_snapshot_match_their_schema_version() -> None:
    assert VERSIONS.get(SCHEMA_VERSION) == declared(), HOW_TO_FIX


def test_every_schema_version_has_an_entry() -> None:
    assert sorted(VERSIONS) == list(range(1, SCHEMA_VERSION + 1))
