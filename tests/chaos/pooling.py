"""Client moves on work pools and work queues, with operation tokens in the descriptions, and the calls of workers."""

from typing import Any, Final

import httpx2

from tests.chaos.board import Board
from tests.chaos.caller import own_id
from tests.chaos.player import Player
from tests.chaos.writing import send_patch

MOST_POOLS: Final = 2
MOST_QUEUES: Final = 5
HEARTBEAT_SECONDS: Final = 1.0
"""After three of these without a heartbeat a worker is offline: a short run has its silences."""
PAUSED: Final = frozenset({"is_paused", "status"})


def create_pool(player: Player) -> None:
    """Create a work pool, up to `MOST_POOLS` per board."""
    board = player.board()
    if len(board.pools) >= MOST_POOLS:
        return
    operation = player.open("create-pool")
    operation.values = {"description": operation.token}
    name = f"pool-{operation.token}"
    body = {"name": name, "type": "process", **operation.values}
    response = player.caller.send(operation, "POST", "/work_pools/", body, own_id)
    if response is not None and response.is_success:
        board.pools[response.json()["id"]] = name
        if board.own and not operation.doubtful:
            board.paused[response.json()["id"]] = False


def update_pool(player: Player) -> None:
    """Change a pool."""
    found = _any_pool(player)
    if found is not None:
        board, id_, name = found
        operation = player.open("update-pool", id_)
        operation.values = {"description": operation.token, "concurrency_limit": player.rng.randint(1, 9)}
        operation.fields = frozenset(operation.values)
        _forget_missing(board, id_, player.caller.send(operation, "PATCH", f"/work_pools/{name}", operation.values))


def pause_or_resume_pool(player: Player) -> None:
    """Pause or resume a pool; the change cannot carry a token."""
    found = _any_pool(player)
    if found is not None:
        board, id_, name = found
        _forget_missing(board, id_, _pause_or_resume(player, board, id_, f"/work_pools/{name}"))


def delete_pool(player: Player) -> None:
    """Delete a pool with its queues: each deployment on one of them changes."""
    found = _any_pool(player)
    if found is not None:
        board, id_, name = found
        player.caller.send(player.open("delete-pool", id_), "DELETE", f"/work_pools/{name}", ids=lambda _: [id_])
        board.forget_pool(id_)


def beat(player: Player) -> None:
    """Send the heartbeat of a pool's worker."""
    found = _any_pool(player)
    if found is not None:
        board, id_, name = found
        body = {"name": player.name, "heartbeat_interval_seconds": HEARTBEAT_SECONDS}
        path = f"/work_pools/{name}/workers/heartbeat"
        _forget_missing(board, id_, player.caller.send(player.open("heartbeat", id_), "POST", path, body))


def poll_pool(player: Player) -> None:
    """Request a pool's scheduled runs, as its worker does."""
    found = _any_pool(player)
    if found is not None:
        board, id_, name = found
        path = f"/work_pools/{name}/get_scheduled_flow_runs"
        _forget_missing(board, id_, player.caller.send(player.open("poll", id_), "POST", path, {}))


def serve(player: Player) -> None:
    """Request the scheduled runs of some deployments, as a serving process does."""
    found = [player.board().any_deployment(player.rng) for _ in range(3)]
    ids = sorted({entry[1] for entry in found if entry is not None})
    if ids:
        body = {"deployment_ids": ids}
        player.caller.send(player.open("poll", *ids), "POST", "/deployments/get_scheduled_flow_runs", body)


def create_queue(player: Player) -> None:
    """Create a queue, perhaps with another one's priority."""
    found = _any_pool(player)
    if found is None or len(found[0].queues) >= MOST_QUEUES:
        return
    board, pool_id, pool = found
    operation = player.open("create-queue", pool_id)
    operation.values = {"description": operation.token, **_priority(player)}
    name = f"queue-{operation.token}"
    response = player.caller.send(
        operation, "POST", f"/work_pools/{pool}/queues", {"name": name, **operation.values}, own_id
    )
    if response is not None and response.is_success:
        board.queues[response.json()["id"]] = (pool, name)
        if board.own and not operation.doubtful:
            board.paused[response.json()["id"]] = False


def update_queue(player: Player) -> None:
    """Change a queue, perhaps with a new priority."""
    board = player.board()
    id_ = _any_queue(player, board)
    if id_ is not None:
        operation = player.open("update-queue", id_)
        operation.values = {"description": operation.token, **_priority(player)}
        operation.fields = frozenset(operation.values)
        response = player.caller.send(operation, "PATCH", f"/work_queues/{id_}", operation.values)
        if response is not None and response.status_code == 404:
            board.queues.pop(id_, None)


def pause_or_resume_queue(player: Player) -> None:
    """Pause or resume a queue; the change cannot carry a token."""
    board = player.board()
    id_ = _any_queue(player, board)
    if id_ is not None:
        _pause_or_resume(player, board, id_, f"/work_queues/{id_}")


def delete_queue(player: Player) -> None:
    """Delete a queue: each deployment on it changes."""
    board = player.board()
    id_ = _any_queue(player, board)
    if id_ is not None:
        player.caller.send(player.open("delete-queue", id_), "DELETE", f"/work_queues/{id_}", ids=lambda _: [id_])
        board.queues.pop(id_, None)


def place(player: Player) -> None:
    """Put a deployment on a queue, or on a pool's default one. A queue deleted meanwhile is created again."""
    board = player.board()
    id_, found = _any_queue(player, board), _any_pool(player)
    names = board.queues.get(id_) if id_ is not None else None
    if names is not None:
        where = {"work_pool_name": names[0], "work_queue_name": names[1]}
    elif found is not None:
        where = {"work_pool_name": found[2]}
    else:
        return
    send_patch(player, lambda token: {"version": token, **where}, board)


def _pause_or_resume(player: Player, board: Board, id_: str, path: str) -> httpx2.Response | None:
    paused = player.rng.random() < 0.5
    names = ("", id_)
    operation = player.open("pause" if paused else "resume", id_, must=board.surely_paused(names, id_) is (not paused))
    operation.fields = PAUSED
    response = player.caller.send(operation, "PATCH", path, {"is_paused": paused})
    board.believe_paused(names, id_, operation, paused)
    return response


def _priority(player: Player) -> dict[str, Any]:
    return {"priority": player.rng.randint(1, 3)} if player.rng.random() < 0.5 else {}


def _any_pool(player: Player) -> tuple[Board, str, str] | None:
    """Return a board, and the id and the name of a pool there that is believed to exist."""
    board = player.board()
    pools = sorted(board.pools.items())
    return (board, *player.rng.choice(pools)) if pools else None


def _any_queue(player: Player, board: Board) -> str | None:
    queues = sorted(board.queues)
    return player.rng.choice(queues) if queues else None


def _forget_missing(board: Board, pool_id: str, response: httpx2.Response | None) -> None:
    if response is not None and response.status_code == 404:
        board.forget_pool(pool_id)
