"""A Celery worker whose children get SIGKILL from a certain snapshot, as from the out-of-memory killer.

`python -m tests.acceptance.deadly_worker FILE worker ...` adds a line to FILE for each kill.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from app.schemas.event import Event
from workers import batch
from workers.build import build
from workers.celery import app
from workers.claimed import Claimed

DEADLY: Final = ("deadly", 2)
"""Name and revision of the snapshot that kills the worker process."""


def main(kills: Path, arguments: list[str]) -> None:
    """Run the worker; its forked children inherit the replaced `build`."""

    def deadly(snapshot: Claimed, *rest: Any) -> Event:
        if (snapshot.name, snapshot.revision) == DEADLY:
            with kills.open("a") as noted:
                noted.write(f"{os.getpid()}\n")
            os.kill(os.getpid(), signal.SIGKILL)
        return build(snapshot, *rest)

    setattr(batch, "build", deadly)  # noqa: B010  # mypy rejects a plain assignment to a function.
    app.worker_main(arguments)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
