"""Client moves that create and change deployments. Each stores its operation token as the deployment's version."""

from typing import Any

from tests.chaos.board import Board, Place
from tests.chaos.caller import own_id
from tests.chaos.ledger import Operation
from tests.chaos.player import Player

ALWAYS_WRITTEN = frozenset({"labels", "parameters", "schedules"})
"""An upsert writes these, given or not."""
PLAIN = ("description", "parameters", "paused", "tags", "version")
COLUMNS = {
    "job_variables": {"infra_overrides"},
    "concurrency_limit": {"concurrency_limit", "concurrency_limit_id"},
    "work_pool_name": {"work_queue_id"},
    "work_queue_name": {"work_queue_id"},
    "global_concurrency_limit_id": {"concurrency_limit", "concurrency_limit_id"},
}


def upsert(player: Player) -> None:
    """Create a deployment, or change the one of that name."""
    board = player.board()
    place = board.any_place(player.rng)
    flow_id = player.flow_id(board, place[0])
    if flow_id is None:
        return
    operation = player.open("upsert", flow_id)
    body = {"name": place[1], "flow_id": flow_id, **_random_fields(player, operation.token)}
    if player.rng.random() < 0.3:
        body["schedules"] = [new_schedule(player, operation.token)]
    _describe(operation, {"parameters": {}, **body}, ALWAYS_WRITTEN)
    _send_upsert(player, board, place, operation, body)


def upsert_again(player: Player) -> None:
    """Repeat an upsert: it changes nothing unless another client changed something in between."""
    board = player.board()
    again = sorted(board.last_upserts.items(), key=lambda item: item[0])
    if again:
        place, (operation, body) = player.rng.choice(again)
        # Only the client that owns an operation may write to it.
        if operation.token.startswith(f"{player.name}-"):
            _send_upsert(player, board, place, operation, body)


def patch(player: Player) -> None:
    """Change some fields of a deployment."""
    send_patch(player, lambda token: _random_fields(player, token))


def set_own_limit(player: Player) -> None:
    """Set, change or remove the deployment's own concurrency limit."""
    number = player.rng.choice([None, 1, 2, 3])
    send_patch(player, lambda token: {"version": token, "concurrency_limit": number})


def send_patch(player: Player, fields: Any, board: Board | None = None) -> None:
    """Patch a deployment with the result of `fields(token)`."""
    board = board or player.board()
    found = board.any_deployment(player.rng)
    if found is None:
        return
    place, id_ = found
    operation = player.open("patch", id_)
    body = fields(operation.token)
    _describe(operation, body, frozenset())
    response = player.caller.send(operation, "PATCH", f"/deployments/{id_}", body)
    board.believe_paused(place, id_, operation, body.get("paused"))
    if response is not None and response.status_code == 404:
        missing = response.text.lower()
        if "concurrency" in missing:
            board.limits[:] = [each for each in board.limits if each != body.get("global_concurrency_limit_id")]
        # If the pool is gone, the client that deleted it has already recorded that.
        elif "pool" not in missing:
            board.forget(place)


def pause_or_resume(player: Player) -> None:
    """Pause or resume; the change cannot carry a token."""
    board = player.board()
    found = board.any_deployment(player.rng)
    if found is None:
        return
    place, id_ = found
    paused = player.rng.random() < 0.5
    must = board.surely_paused(place, id_) is (not paused)
    operation = player.open("pause" if paused else "resume", id_, must=must)
    operation.fields = frozenset({"paused"})
    response = player.caller.send(operation, "POST", f"/deployments/{id_}/{operation.verb}_deployment")
    board.believe_paused(place, id_, operation, paused)
    if response is not None:
        player.lost(board, place, response.status_code)


def tag_flow(player: Player) -> None:
    """Set the token as a flow's tag."""
    board = player.board()
    flow = player.rng.choice(board.flows)
    id_ = board.flow_ids.get(flow)
    if id_ is not None:
        operation = player.open("tag-flow", id_)
        operation.values = {"tags": [operation.token]}
        operation.fields = frozenset({"tags"})
        response = player.caller.send(operation, "PATCH", f"/flows/{id_}", operation.values)
        if response is not None and response.status_code == 404:
            board.forget_flow(flow)


def new_schedule(player: Player, token: str) -> dict[str, Any]:
    """Return a schedule that carries the token."""
    return {"schedule": {"interval": float(player.rng.randint(60, 86400))}, "slug": token}


def _random_fields(player: Player, token: str) -> dict[str, Any]:
    rng = player.rng
    fields: dict[str, Any] = {"version": token}
    if rng.random() < 0.5:
        fields["description"] = f"text {rng.randint(1, 5)}"
    if rng.random() < 0.3:
        fields["tags"] = rng.sample(["a", "b", "c", "d"], rng.randint(0, 3))
    if rng.random() < 0.4:
        fields["parameters"] = {"n": rng.randint(1, 9), "nested": {"list": [1, None, "x"]}}
    if rng.random() < 0.15:
        fields["paused"] = rng.random() < 0.5
    if rng.random() < 0.15:
        fields["job_variables"] = {"env": {"KEY": f"secret {rng.randint(1, 9)}"}, "image": rng.choice("xyz")}
    return fields


def _describe(operation: Operation, body: dict[str, Any], more: frozenset[str]) -> None:
    asked = set(body) - {"name", "flow_id"}
    columns: set[str] = set()
    for key in asked:
        columns |= COLUMNS.get(key, {key})
    values = {key: body[key] for key in PLAIN if key in body}
    if "concurrency_limit" in body:
        values["concurrency_limit"] = body["concurrency_limit"]
    if "global_concurrency_limit_id" in body:
        values |= {"concurrency_limit": None, "concurrency_limit_id": body["global_concurrency_limit_id"]}
    operation.queue = body.get("work_queue_name") or ""
    operation.fields = frozenset(columns) | more
    operation.values = values


def _send_upsert(player: Player, board: Board, place: Place, operation: Operation, body: dict[str, Any]) -> None:
    response = player.caller.send(operation, "POST", "/deployments/", body, own_id)
    believed = board.ids.get(place, "")
    board.believe_paused(place, believed, operation, None)
    if response is None:
        board.forget(place)
    elif response.is_success:
        answer = response.json()
        board.ids[place] = answer["id"]
        board.schedules[answer["id"]] = [schedule["id"] for schedule in answer["schedules"]]
        board.last_upserts[place] = (operation, body)
        if board.own and not operation.doubtful:
            board.paused[answer["id"]] = answer["paused"]
    else:
        player.lost(board, place, response.status_code)
