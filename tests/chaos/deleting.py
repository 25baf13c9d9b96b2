"""Moves that delete: one deployment, several, a flow with all of its deployments, several flows."""

from typing import Final

from tests.chaos.board import Board
from tests.chaos.caller import deleted_ids
from tests.chaos.player import Move, Player
from tests.chaos.scheduling import add_schedule, change_schedule, delete_limit, remove_schedule, share_limit
from tests.chaos.writing import patch, pause_or_resume, set_own_limit, upsert, upsert_again


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


MOVES: Final[list[tuple[Move, int]]] = [
    (upsert, 20),
    (upsert_again, 6),
    (patch, 40),
    (pause_or_resume, 9),
    (add_schedule, 7),
    (change_schedule, 5),
    (remove_schedule, 5),
    (set_own_limit, 7),
    (share_limit, 5),
    (delete_limit, 1),
    (delete, 3),
    (bulk_delete, 1),
    (delete_flow, 1),
    (delete_flows, 1),
]
"""What clients do, and how often."""
