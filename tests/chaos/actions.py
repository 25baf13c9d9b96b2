"""The actions of the clients, and how often each is chosen."""

from typing import Final

from tests.chaos import deletion_actions, deployment_actions, pool_actions, schedule_actions
from tests.chaos.client import Action

ACTIONS: Final[list[tuple[Action, int]]] = [
    (deployment_actions.upsert, 20),
    (deployment_actions.upsert_again, 6),
    (deployment_actions.patch, 40),
    (deployment_actions.pause_or_resume, 9),
    (deployment_actions.tag_flow, 5),
    (schedule_actions.add_schedule, 7),
    (schedule_actions.change_schedule, 5),
    (schedule_actions.remove_schedule, 5),
    (deployment_actions.set_own_limit, 7),
    (schedule_actions.share_limit, 5),
    (schedule_actions.update_limit, 3),
    (schedule_actions.delete_limit, 1),
    (pool_actions.create_pool, 4),
    (pool_actions.update_pool, 5),
    (pool_actions.pause_or_resume_pool, 4),
    (pool_actions.delete_pool, 1),
    (pool_actions.create_queue, 6),
    (pool_actions.update_queue, 6),
    (pool_actions.pause_or_resume_queue, 5),
    (pool_actions.delete_queue, 2),
    (pool_actions.assign_to_queue, 10),
    (pool_actions.send_heartbeat, 5),
    (pool_actions.poll_pool, 6),
    (pool_actions.serve, 3),
    (deletion_actions.delete, 3),
    (deletion_actions.bulk_delete, 1),
    (deletion_actions.delete_flow, 1),
    (deletion_actions.delete_flows, 1),
]
