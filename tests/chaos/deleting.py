"""Client moves that delete: one deployment, several, a flow with its deployments, or several flows."""

from tests.chaos.board import Board
from tests.chaos.caller import deleted_ids
from tests.chaos.player import Player


def delete(player: Player) -> None:
    """Delete a deployment."""
    board = player.board()
    found = board.any_deployment(player.rng)
    if found is not None:
        place, id_ = found
        player.caller.send(player.open("delete", id_), "DELETE", f"/deployments/{id_}", ids=lambda _: [id_])
        board.forget(place)


def bulk_delete(player: Player) -> None:
    """Delete some deployments, of both boards, with one request."""
    found = [(board, board.any_deployment(player.rng)) for board in (player.own, player.own, player.shared)]
    taken = {entry[1]: (board, entry[0]) for board, entry in found if entry is not None}
    if taken:
        operation = player.open("bulk-delete", *taken)
        body = {"deployments": {"id": {"any_": list(taken)}}}
        player.caller.send(operation, "POST", "/deployments/bulk_delete", body, deleted_ids)
        for board, place in taken.values():
            board.forget(place)


def delete_flow(player: Player) -> None:
    """Delete a flow with all of its deployments."""
    board = player.board()
    flow = player.rng.choice(board.flows)
    id_ = board.flow_ids.get(flow)
    if id_ is not None:
        player.caller.send(player.open("delete-flow", id_), "DELETE", f"/flows/{id_}", ids=lambda _: [id_])
        board.forget_flow(flow)


def delete_flows(player: Player) -> None:
    """Delete some flows with all of their deployments with one request."""
    wanted: dict[str, tuple[Board, str]] = {}
    for board in (player.own, player.shared):
        flow = player.rng.choice(board.flows)
        id_ = board.flow_ids.get(flow)
        if id_ is not None:
            wanted[id_] = (board, flow)
    if wanted:
        operation = player.open("delete-flow", *wanted)
        body = {"flows": {"id": {"any_": list(wanted)}}}
        player.caller.send(operation, "POST", "/flows/bulk_delete", body, deleted_ids)
        for board, flow in wanted.values():
            board.forget_flow(flow)
