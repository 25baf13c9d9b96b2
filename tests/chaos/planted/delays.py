"""A random delay that makes the race of a planted bug likely."""

import random
import time


def random_delay(seconds: float) -> None:
    """Sleep for a random time of up to `seconds`, like a busy processor, a slow disk or a garbage collection.

    Correct code tolerates this delay; wrong code meets its race in seconds instead of weeks.
    """
    time.sleep(random.uniform(0, seconds))
