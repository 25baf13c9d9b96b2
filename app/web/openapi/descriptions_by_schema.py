"""Descriptions of properties whose name has another meaning in one schema, by `Schema.property`."""

from typing import Final

OF_SCHEMA: Final = {
    "BooleanFilter.eq_": "Whether the flag is set.",
    "ConcurrencyLimitCreate.limit": "How many slots the limit has.",
    "ConcurrencyLimitResponse.limit": "How many slots the limit has.",
    "ConcurrencyLimitUpdate.limit": "How many slots the limit has.",
    "CountQuery.filter": "Which events to count.",
    "CreatedConcurrencyLimitResponse.limit": "How many slots the limit has.",
    "DeploymentResponse.concurrency_limit": "Always null: see `global_concurrency_limit`.",
    "DifferenceResponse.event": "The id of the event that tells the difference.",
    "DifferenceResponse.position": "The place of that event in the log.",
    "DifferenceResponse.resource": "The id of the resource.",
    "EventFilter.event": "Conditions on the name of the event.",
    "EventFilter.resource": "Conditions on the event's own resource.",
    "IntervalSchedule.timezone": "The IANA time zone in which the intervals are counted.",
    "OpenTransactionResponse.role": "The role of the database.",
    "OpenTransactionResponse.state": "What the session does, as PostgreSQL names it.",
    "ScheduleUpdate.slug": "The new slug, or the slug of the schedule to change.",
    "SourceAttach.name": "The name that its events have: lower-case letters, digits and hyphens.",
    "SourceAttach.profile": "The name of a profile that belongs to aftercommit, or the text of one, in TOML.",
    "TagLimitCreate.concurrency_limit": "How many runs with the tag there may be at once.",
    "TimeFilter.after_": "The earliest time.",
    "TimeFilter.before_": "The latest time.",
    "ValidationProblem.type": "The kind of problem, as pydantic names it.",
    "WorkerResponse.status": "Whether its heartbeats arrive.",
    "WorkQueueCreate.filter": "An old-style filter on deployments.",
    "WorkQueueResponse.filter": "An old-style filter on deployments.",
    "WorkQueueUpdate.filter": "An old-style filter on deployments.",
}
