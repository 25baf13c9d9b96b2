"""The moves of the clients, and how often each is chosen."""

from typing import Final

from tests.chaos import deleting, pooling, scheduling, writing
from tests.chaos.player import Move

MOVES: Final[list[tuple[Move, int]]] = [
    (writing.upsert, 20),
    (writing.upsert_again, 6),
    (writing.patch, 40),
    (writing.pause_or_resume, 9),
    (writing.tag_flow, 5),
    (scheduling.add_schedule, 7),
    (scheduling.change_schedule, 5),
    (scheduling.remove_schedule, 5),
    (writing.set_own_limit, 7),
    (scheduling.share_limit, 5),
    (scheduling.update_limit, 3),
    (scheduling.delete_limit, 1),
    (pooling.create_pool, 4),
    (pooling.update_pool, 5),
    (pooling.pause_or_resume_pool, 4),
    (pooling.delete_pool, 1),
    (pooling.create_queue, 6),
    (pooling.update_queue, 6),
    (pooling.pause_or_resume_queue, 5),
    (pooling.delete_queue, 2),
    (pooling.place, 10),
    (pooling.beat, 5),
    (pooling.poll_pool, 6),
    (pooling.serve, 3),
    (deleting.delete, 3),
    (deleting.bulk_delete, 1),
    (deleting.delete_flow, 1),
    (deleting.delete_flows, 1),
]
