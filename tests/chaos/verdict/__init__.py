"""The verdict: pure functions that find the violations in the history of a run."""

from tests.chaos.facts import History
from tests.chaos.report import Finding
from tests.chaos.verdict.cascades import judge_cascades
from tests.chaos.verdict.lives import judge_lives
from tests.chaos.verdict.log import judge_log, judge_outbox, judge_tails
from tests.chaos.verdict.operations import judge_operations


def judge(history: History) -> list[Finding]:
    """Return everything that is lost, phantom, duplicated, disordered or failed."""
    return [
        *judge_log(history),
        *judge_tails(history),
        *judge_outbox(history),
        *judge_lives(history),
        *judge_operations(history),
        *judge_cascades(history),
    ]
