"""One figure of a benchmark: what was measured, beside what, and whether that is good enough."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from benches.spread import Spread


class Target(BaseModel):
    """What a figure has to be: `at least` or `at most` a bound."""

    model_config = ConfigDict(frozen=True)

    sense: Literal["at least", "at most"]
    bound: float

    def is_met(self, value: float) -> bool:
        """Tell whether the value is good enough; the bound itself is."""
        return value >= self.bound if self.sense == "at least" else value <= self.bound

    def reached(self, value: float) -> float:
        """Return how far the value is: 1 is the bound itself, 2 twice as good, 0.5 half as good."""
        good, bad = (value, self.bound) if self.sense == "at least" else (self.bound, value)
        return good / bad if bad else float("inf")


def at_least(bound: float) -> Target:
    """Return the target of a figure that should be high."""
    return Target(sense="at least", bound=bound)


def at_most(bound: float) -> Target:
    """Return the target of a figure that should be low."""
    return Target(sense="at most", bound=bound)


class Line(BaseModel):
    """One line of the table. With `beside`, the target is for the ratio of the medians, else for the median itself."""

    model_config = ConfigDict(frozen=True)

    what: str
    unit: str
    measured: Spread
    beside: Spread | None = None
    beside_name: str | None = None
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the median of what it stands beside the own median is."""
        if self.beside is None:
            return None
        return self.measured.median / self.beside.median if self.beside.median else float("inf")

    @property
    def judged(self) -> float:
        """What the target is for: the ratio where there is one."""
        ratio = self.ratio
        return self.measured.median if ratio is None else ratio

    @property
    def is_missed(self) -> bool:
        """Tell whether there is a target that this does not meet."""
        return self.target is not None and not self.target.is_met(self.judged)


def line(what: str, unit: str, values: Sequence[float], target: Target | None = None) -> Line:
    """Return the line of a figure that stands for itself: one value for each round."""
    return Line(what=what, unit=unit, measured=Spread.of(values), target=target)


def compared(
    what: str, unit: str, values: Sequence[float], beside: Mapping[str, Sequence[float]], target: Target | None = None
) -> Line:
    """Return the line of a figure that is judged by its ratio to another one, given as `{name: values}`."""
    [(name, others)] = beside.items()
    return Line(
        what=what,
        unit=unit,
        measured=Spread.of(values),
        beside=Spread.of(others),
        beside_name=name,
        target=target,
    )
