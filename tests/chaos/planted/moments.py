"""A random delay that makes the race of a planted bug likely."""

import random
import time


def moment(seconds: float) -> None:
    """Wait up to this many seconds, at random: what a busy processor, a slow disk or a garbage collection takes.

    The right code stands this as well; it only makes the wrong one meet its race in seconds instead of in weeks.
    """
    time.sleep(random.uniform(0, seconds))
