"""The figures of a chaos run as JSON-safe data, and the table that shows them."""

from collections import Counter
from statistics import median
from typing import Any, Final

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from tests.chaos import logs, plan
from tests.chaos.facts import History
from tests.chaos.load import statuses
from tests.chaos.reading import Reading
from tests.chaos.report import CATEGORIES, Report
from tests.chaos.stress import Stress

READINESS: Final = frozenset({"ready", "not-ready", "paused"})

MEANINGS: Final = {
    "lost": "changes without their event",
    "phantom": "events without their change",
    "duplicated": "with two events, or refused by the database",
    "disordered": "out of order, or missed by a reader",
    "misattributed": "with another actor or request",
    "failed": "other violations",
    "kills": "SIGKILL, by part",
    "stops": "SIGSTOP for some seconds",
    "restarts": "SIGTERM and a new start",
    "cuts": "connections ended by the server",
    "others": "the broker emptied, bursts",
    "changes": "events in the log",
    "readiness": "those of them that tell a status",
    "operations": "as their clients know them",
    "resources": "that ever were",
    "doorbells_dropped": "log lines of a full publisher queue or a broker that was away",
    "rescued": "events that only the sweep found",
    "replayed": "parked since their workers were killed over and over",
    "stubborn": "did not end when asked to, and were killed",
    "longest_to_readable": "seconds from a change to its event",
    "longest_request": "seconds from a request to its answer or failure",
}


def figures(stress: Stress, reading: Reading, history: History) -> dict[str, Any]:
    """Return the figures that the table shows besides the verdict."""
    done = stress.killer.done
    operations = history.operations
    families = {"kills": plan.KILLS, "stops": plan.STOPS, "restarts": plan.RESTARTS, "cuts": plan.CUTS}
    api_logs = [api.role.log for api in stress.fleet.apis]
    return {
        "seed": stress.plan.seed,
        "seconds": stress.plan.seconds,
        "bug": stress.plan.bug,
        **{name: {kind.partition("-")[2]: done[kind] for kind in kinds} for name, kinds in families.items()},
        "others": {kind: done[kind] for kind in plan.OTHERS},
        "changes": dict(Counter(event.kind for event in history.events)),
        "readiness": dict(Counter(event.what for event in history.events if event.what in READINESS)),
        "operations": dict(Counter(operation.outcome for operation in operations)),
        "verbs": dict(Counter(operation.verb for operation in operations)),
        "resources": len(history.rows) + len(history.tombstones),
        "statuses": statuses(stress.callers()),
        "doorbells_dropped": logs.count_words(api_logs, [logs.DROPPED])[logs.DROPPED],
        "rescued": reading.rescued,
        "replayed": stress.replayed,
        "stubborn": dict(Counter(stress.fleet.stubborn)),
        "longest_to_readable": round(reading.longest_to_readable, 2),
        "longest_request": round(max(caller.longest for caller in stress.callers()), 2),
        "recovery": _recovery(stress.probes.acknowledged, stress.probes.readable),
    }


def _recovery(acknowledged: dict[str, list[float]], readable: dict[str, list[float]]) -> dict[str, Any]:
    return {
        kind: {
            "probes": len(times),
            "acknowledged": {"median": round(median(times), 2), "longest": round(max(times), 2)},
            "readable": {"median": round(median(seen), 2), "longest": round(max(seen), 2)} if seen else None,
        }
        for kind, times in sorted(acknowledged.items())
        for seen in [readable.get(kind, [])]
    }


def show(report: Report, console: Console) -> None:
    """Print the verdict, the figures and the first findings."""
    title = f"seed {report.figures['seed']}, {report.figures['seconds']:g} s"
    console.print(Group(_main_table(report, title), _recovery_table(report)))
    for finding in report.shown():
        # `Text`, so that the evidence in a finding is not read as markup.
        console.print(Text(f"{finding.category}: {finding.text}", style="red"), soft_wrap=True)


def _main_table(report: Report, title: str) -> Table:
    table = Table(title=title, show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()
    values: dict[str, Any] = {**{category: getattr(report, category) for category in CATEGORIES}, **report.figures}
    for name, meaning in MEANINGS.items():
        value = values[name]
        parts = ", ".join(f"{key} {count}" for key, count in value.items()) if isinstance(value, dict) else ""
        total = sum(value.values()) if isinstance(value, dict) else value
        style = ("red" if value else "green") if name in CATEGORIES else ""
        table.add_row(name.replace("_", " "), Text(str(total), style=style), parts or meaning)
    return table


def _recovery_table(report: Report) -> Table:
    table = Table(title="recovery, seconds from the disruption: median (longest)")
    for column in ("disruption", "probes", "acknowledged", "readable"):
        table.add_column(column, justify="left" if column == "disruption" else "right")
    for kind, times in report.figures["recovery"].items():
        table.add_row(kind, str(times["probes"]), _pair(times["acknowledged"]), _pair(times["readable"]))
    return table


def _pair(times: dict[str, float] | None) -> str:
    return f"{times['median']:.2f} ({times['longest']:.2f})" if times is not None else "-"
