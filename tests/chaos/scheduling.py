"""Client moves that add, change and remove single schedules, and that share concurrency limits."""

from tests.chaos.caller import own_id
from tests.chaos.player import Player
from tests.chaos.writing import new_schedule, send_patch

SCHEDULES = frozenset({"schedules"})
MOST_LIMITS = 3


def add_schedule(player: Player) -> None:
    """Add a schedule, with the token as its slug."""
    board = player.board()
    found = board.any_deployment(player.rng)
    if found is None:
        return
    place, id_ = found
    operation = player.open("add-schedule", id_)
    operation.fields = SCHEDULES
    body = [new_schedule(player, operation.token)]
    response = player.caller.send(operation, "POST", f"/deployments/{id_}/schedules", body)
    if response is not None and response.is_success:
        board.schedules.setdefault(id_, []).extend(schedule["id"] for schedule in response.json())
    elif response is not None:
        player.lost(board, place, response.status_code)


def change_schedule(player: Player) -> None:
    """Give a schedule parameters that hold the token."""
    _touch_schedule(player, remove=False)


def remove_schedule(player: Player) -> None:
    """Remove a schedule; the change cannot carry a token."""
    _touch_schedule(player, remove=True)


def _touch_schedule(player: Player, *, remove: bool) -> None:
    board = player.board()
    found = board.any_deployment(player.rng)
    known = board.schedules.get(found[1]) if found is not None else None
    if found is None or not known:
        return
    id_, schedule_id = found[1], player.rng.choice(known)
    operation = player.open("remove-schedule" if remove else "change-schedule", schedule_id if remove else id_)
    operation.fields = SCHEDULES
    path = f"/deployments/{id_}/schedules/{schedule_id}"
    if remove:
        response = player.caller.send(operation, "DELETE", path)
    else:
        response = player.caller.send(operation, "PATCH", path, {"parameters": {"chaos": operation.token}})
    if remove or response is None or not response.is_success:
        board.schedules[id_] = [each for each in known if each != schedule_id]


def share_limit(player: Player) -> None:
    """Put a deployment under one of a few concurrency limits that all clients share."""
    board = player.shared
    if len(board.limits) < MOST_LIMITS:
        operation = player.open("create-limit")
        operation.values = {"name": operation.token, "limit": 2}
        response = player.caller.send(operation, "POST", "/v2/concurrency_limits/", operation.values, own_id)
        if response is not None and response.is_success:
            board.limits.append(str(response.json()["id"]))
    limits = list(board.limits)
    if limits:
        limit = player.rng.choice(limits)
        send_patch(player, lambda token: {"version": token, "global_concurrency_limit_id": limit})


def update_limit(player: Player) -> None:
    """Change a shared limit, with the token as its name."""
    limits = list(player.shared.limits)
    if limits:
        limit = player.rng.choice(limits)
        operation = player.open("update-limit", limit)
        operation.fields = frozenset({"limit", "name"})
        operation.values = {"name": operation.token, "limit": player.rng.randint(1, 3)}
        player.caller.send(operation, "PATCH", f"/v2/concurrency_limits/{limit}", operation.values)


def delete_limit(player: Player) -> None:
    """Delete a shared limit: each deployment under it changes."""
    limits = list(player.shared.limits)
    if limits:
        limit = player.rng.choice(limits)
        operation = player.open("delete-limit", limit)
        player.caller.send(operation, "DELETE", f"/v2/concurrency_limits/{limit}", ids=lambda _: [limit])
        player.shared.limits[:] = [each for each in player.shared.limits if each != limit]
