"""Deploys the flow `etl` with an image that is neither built nor pushed: deploy_image.py NAME POOL."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))

from flows import etl  # The project is the current folder.

name, pool = sys.argv[1:]
print(etl.deploy(name=name, work_pool_name=pool, image="registry.local/etl:1", build=False, push=False))
