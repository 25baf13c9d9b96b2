"""One figure of a benchmark, with its baseline and its target."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from benches.spread import Spread


class Target(BaseModel):
    """The target of a figure: `at least` or `at most` a bound."""

    model_config = ConfigDict(frozen=True)

    sense: Literal["at least", "at most"]
    bound: float

    def is_met(self, value: float) -> bool:
        """Return whether the value meets the target. The bound itself does."""
        return value >= self.bound if self.sense == "at least" else value <= self.bound

    def reached(self, value: float) -> float:
        """Return the value relative to the bound: 1 is the bound, 2 is twice as good, 0.5 is half as good."""
        good, bad = (value, self.bound) if self.sense == "at least" else (self.bound, value)
        return good / bad if bad else float("inf")


def at_least(bound: float) -> Target:
    """Return the target of a figure that should be high."""
    return Target(sense="at least", bound=bound)


def at_most(bound: float) -> Target:
    """Return the target of a figure that should be low."""
    return Target(sense="at most", bound=bound)


class Line(BaseModel):
    """One line of a table. The target is for the ratio of the medians if there is a baseline, else for the median."""

    model_config = ConfigDict(frozen=True)

    name: str
    unit: str
    measured: Spread
    baseline: Spread | None = None
    baseline_name: str | None = None
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        """The measured median divided by the median of the baseline."""
        if self.baseline is None:
            return None
        return self.measured.median / self.baseline.median if self.baseline.median else float("inf")

    @property
    def judged(self) -> float:
        """The value that the target is for: the ratio if there is one, else the median."""
        ratio = self.ratio
        return self.measured.median if ratio is None else ratio

    @property
    def is_missed(self) -> bool:
        """Whether there is a target and it is not met."""
        return self.target is not None and not self.target.is_met(self.judged)


def line(name: str, unit: str, values: Sequence[float], target: Target | None = None) -> Line:
    """Return the line of a figure without a baseline. `values` has one value per round."""
    return Line(name=name, unit=unit, measured=Spread.of(values), target=target)


def compared(
    name: str,
    unit: str,
    values: Sequence[float],
    baseline: Mapping[str, Sequence[float]],
    target: Target | None = None,
) -> Line:
    """Return the line of a figure that is judged by its ratio to a baseline, given as `{baseline name: values}`."""
    [(baseline_name, baseline_values)] = baseline.items()
    return Line(
        name=name,
        unit=unit,
        measured=Spread.of(values),
        baseline=Spread.of(baseline_values),
        baseline_name=baseline_name,
        target=target,
    )
