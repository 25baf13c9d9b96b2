"""Notes that a planted bug had its chance: without that, a run in which nothing was found proves nothing."""

import os
from pathlib import Path
from typing import Final

MARK: Final = "CHAOS_EXERCISED"
"""The variable with the path of the file that the processes of a run make when the bug takes effect."""


def note_exercised() -> None:
    """Note that the situation that shows the bug has come about in this process."""
    if path := os.environ.get(MARK):
        Path(path).touch()
