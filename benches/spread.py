"""Statistics of a figure that is measured in several rounds."""

import math
from collections.abc import Sequence
from statistics import median
from typing import Self

from pydantic import BaseModel, ConfigDict


class Spread(BaseModel):
    """The median, lowest and highest value of all rounds."""

    model_config = ConfigDict(frozen=True)

    median: float
    lowest: float
    highest: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the spread of `values`, one per round.

        Raises:
            ValueError: `values` is empty.
        """
        if not values:
            raise ValueError("Nothing was measured.")
        return cls(median=median(values), lowest=min(values), highest=max(values), rounds=len(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the percentile by nearest rank: the smallest value that `percent` percent of the values do not exceed.

    Raises:
        ValueError: `values` is empty, or `percent` is not above 0 and at most 100.
    """
    if not values or not 0 < percent <= 100:
        raise ValueError("A percentile needs values, and a percentage above 0 and at most 100.")
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]
