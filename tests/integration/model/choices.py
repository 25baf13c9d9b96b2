"""Hypothesis strategies: the changes of a transaction, and their values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import strategies as st

from app.models import AGENT_TYPE
from tests.integration.model import (
    deployment_changes,
    deployment_deletions,
    flow_changes,
    limit_changes,
    pool_changes,
    queue_changes,
)
from tests.integration.model.changes import Change
from tests.integration.model.endings import Ending
from tests.integration.model.states import DEPLOYMENT, QUEUE

T = TypeVar("T")

NAMES = ("nightly", "hourly")
QUEUES = ("default", "fast", "late")
WORKERS = ("w1", "w2")


@dataclass(frozen=True)
class Part:
    """The names that one client may use. Clients with transactions open at the same time never wait for each other."""

    flows: tuple[str, ...]
    pools: tuple[str, ...]
    limits: tuple[str, ...]


MAIN = Part(("etl", "ml"), ("kube", "local"), ("database", "licence"))
SLOW = Part(("slow",), ("far",), ("line",))
"""Of a transaction that stays open while others come and go."""

POOLS = st.sampled_from(MAIN.pools)
PAUSES = st.sampled_from([[], [True], [True, False], [False]])
TAGS = st.sampled_from([[], ["x"], ["x", "y"], ["y", "x"]])
NUMBERS = st.sampled_from([None, 1, 2])
TEXTS = st.sampled_from(["", "a", "b"])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "description": st.sampled_from([None, "a", "b"]),
    "version": st.sampled_from(["1", "2"]),
    "paused": st.booleans(),
    "tags": TAGS,
    "parameters": st.sampled_from([{}, {"n": 1}, {"n": 1.0}, {"n": True}, {"n": [1]}]),
    "concurrency_limit": NUMBERS,
}
SCHEDULES = st.lists(
    st.tuples(st.sampled_from("st"), st.sampled_from([60.0, 90.0])), max_size=2, unique_by=lambda s: s[0]
).map(lambda pairs: [[*p] for p in pairs])
VERSIONS = st.lists(st.sampled_from("1234"), min_size=1, max_size=3)
POOL_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "base_job_template": st.sampled_from([{}, {"variables": {}}]),
    "concurrency_limit": NUMBERS,
    "description": TEXTS,
    "is_paused": st.booleans(),
}
QUEUE_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "concurrency_limit": NUMBERS,
    "description": TEXTS,
    "is_paused": st.booleans(),
    "priority": st.sampled_from([1, 1, 2, 5]),
}
LIMIT_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "active": st.booleans(),
    "limit": st.integers(1, 3),
    "slot_decay_per_second": st.sampled_from([0, 0.5]),
}
ENDINGS = st.sampled_from(Ending)
BAD_ENDINGS = st.sampled_from([ending for ending in Ending if ending is not Ending.COMMIT])


def some_of(fields: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Return values for any of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


def doubled(strategy: st.SearchStrategy[T]) -> list[st.SearchStrategy[T]]:
    """Return two equal strategies, to double the weight in `one_of`, which would merge two identical objects."""
    return [strategy, strategy.map(lambda value: value)]


def basic_resources(part: Part, works: bool) -> list[Change]:
    """Return changes that create something of each kind in a part and, if `works`, start a worker."""
    pool, limit = part.pools[0], part.limits[0]
    keys = [(DEPLOYMENT, flow, NAMES[0]) for flow in part.flows]
    work: list[Change] = [pool_changes.SendHeartbeat(pool, WORKERS[0]), pool_changes.PollPool(pool, None)]
    return [
        *(flow_changes.CreateFlow(flow, ["x", "y"], {"team": flow}) for flow in part.flows),
        limit_changes.CreateLimit(limit, {}),
        *(pool_changes.CreatePool(name, "process", {}) for name in part.pools),
        *(deployment_changes.Upsert(key, {"place": (pool, "fast"), "concurrency_limit": 1}) for key in keys),
        deployment_changes.Share(keys[-1], limit),
        queue_changes.CreateQueue(pool, "late", {"priority": 5}),
        *(work if works else []),
    ]


def deployments_of(part: Part) -> st.SearchStrategy[tuple[str, str, str]]:
    """Return the keys of a part's deployments."""
    return st.tuples(st.just(DEPLOYMENT), st.sampled_from(part.flows), st.sampled_from(NAMES))


def steps_in(part: Part, most: int) -> st.SearchStrategy[list[Change]]:
    """Return up to `most` changes of any kind."""
    kinds = [_of_deployments(part), _of_flows(part), _of_pools(part), _of_queues(part), _of_limits(part)]
    return st.lists(st.one_of(kinds), min_size=1, max_size=most)


def _of_deployments(part: Part) -> st.SearchStrategy[Change]:
    keys = deployments_of(part)
    pools, queues = st.sampled_from(part.pools), st.sampled_from([None, "fast"])
    fields = {**FIELDS, "place": st.one_of(st.none(), *doubled(st.tuples(pools, queues)))}
    return st.one_of(
        *doubled(st.builds(deployment_changes.Upsert, keys, some_of({**fields, "schedules": SCHEDULES}))),
        st.builds(deployment_changes.Patch, keys, some_of(fields)),
        st.builds(deployment_changes.Pause, keys, st.booleans()),
        st.builds(deployment_changes.Schedule, keys, st.sampled_from("st"), st.sampled_from([None, 60.0, 90.0])),
        st.builds(deployment_changes.Share, keys, st.sampled_from(part.limits)),
        st.builds(deployment_changes.Serve, st.lists(keys, max_size=2, unique=True).map(tuple)),
        st.builds(deployment_deletions.Delete, keys),
        st.builds(deployment_deletions.BulkDelete, st.sampled_from(NAMES), st.just(part.flows)),
    )


def _of_flows(part: Part) -> st.SearchStrategy[Change]:
    flows = st.sampled_from(part.flows)
    return st.one_of(
        st.builds(flow_changes.CreateFlow, flows, TAGS, st.sampled_from([{}, {"team": "a"}])),
        st.builds(flow_changes.TagFlow, flows, TAGS),
        st.builds(flow_changes.DeleteFlow, flows, st.booleans()),
    )


def _of_pools(part: Part) -> st.SearchStrategy[Change]:
    pools, workers = st.sampled_from(part.pools), st.sampled_from(WORKERS)
    types = st.sampled_from(["process", "kubernetes", AGENT_TYPE])
    return st.one_of(
        *doubled(st.builds(pool_changes.CreatePool, pools, types, some_of(POOL_FIELDS))),
        st.builds(pool_changes.UpdatePool, pools, some_of(POOL_FIELDS)),
        *doubled(st.builds(pool_changes.SendHeartbeat, pools, workers)),
        *doubled(st.builds(pool_changes.PollPool, pools, st.sampled_from([None, None, *QUEUES]))),
        st.builds(pool_changes.ForgetWorker, pools, workers),
        st.builds(pool_changes.DeletePool, pools),
    )


def _of_queues(part: Part) -> st.SearchStrategy[Change]:
    pools, names = st.sampled_from(part.pools), st.sampled_from(QUEUES)
    keys = st.tuples(st.just(QUEUE), pools, names)
    return st.one_of(
        st.builds(queue_changes.CreateQueue, pools, names, some_of(QUEUE_FIELDS)),
        *doubled(st.builds(queue_changes.UpdateQueue, keys, some_of({**QUEUE_FIELDS, "name": names}))),
        st.builds(queue_changes.DeleteQueue, keys),
    )


def _of_limits(part: Part) -> st.SearchStrategy[Change]:
    names = st.sampled_from(part.limits)
    which = st.one_of(names, deployments_of(part))
    return st.one_of(
        st.builds(limit_changes.CreateLimit, names, some_of(LIMIT_FIELDS)),
        st.builds(limit_changes.UpdateLimit, which, some_of({**LIMIT_FIELDS, "name": names})),
        st.builds(limit_changes.DeleteLimit, which),
    )


STEPS, SLOW_STEPS = steps_in(MAIN, 6), steps_in(SLOW, 4)
POOL_STEPS = st.lists(st.one_of(_of_pools(MAIN), _of_queues(MAIN)), min_size=1, max_size=6)
