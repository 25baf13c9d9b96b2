"""The statistics of a figure that was measured several times."""

import math
from collections.abc import Sequence
from statistics import median
from typing import Self

from pydantic import BaseModel, ConfigDict


class Spread(BaseModel):
    """The median of some rounds, with the lowest and the highest."""

    model_config = ConfigDict(frozen=True)

    median: float
    lowest: float
    highest: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the spread of one value for each round, in any unit.

        Raises:
            ValueError: there is no value.
        """
        if not values:
            raise ValueError("Nothing was measured.")
        return cls(median=median(values), lowest=min(values), highest=max(values), rounds=len(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest of the values that at least so many percent of them do not exceed (nearest rank).

    Raises:
        ValueError: there is no value, or `percent` is not above 0 and at most 100.
    """
    if not values or not 0 < percent <= 100:
        raise ValueError("A percentile needs values, and a percentage above 0 and at most 100.")
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]
