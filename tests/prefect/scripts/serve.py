"""Serves the flow `etl` until Ctrl-C: serve.py NAME."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))

from flows import etl  # The project is the current folder.

etl.serve(name=sys.argv[1], cron="0 3 * * *", tags=["served"])
