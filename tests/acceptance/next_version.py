"""Runs a process as the next version of the product, whose snapshots an older worker cannot read.

`python -m tests.acceptance.next_version MODULE ARGS...` raises the schema version of snapshots when it is imported.
Everything else that depends on the schema version follows, as in a real next version.
"""

import re
import runpy
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

CHANGED_MODULE = "app.models.snapshot"
VERSION_LINE = re.compile(rb"(?<=\nSCHEMA_VERSION: Final = )(\d+)(?=\n)")


class NextVersionSource(SourceFileLoader):
    """Loads the module from its changed source and ignores the cached bytecode."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of the changed source."""
        source, changed = VERSION_LINE.subn(lambda found: b"%d" % (int(found[0]) + 1), self.get_data(self.path))
        assert changed == 1, "exactly one line must match"
        return self.source_to_code(source, self.path)


class NextVersionFinder(MetaPathFinder):
    """Finds the changed module instead of the original."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec with our loader for the changed module, None for every other module."""
        if fullname != CHANGED_MODULE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = NextVersionSource(fullname, spec.origin)
        return spec


def main(module: str, *arguments: str) -> None:
    """Run the module as a program of the next version."""
    sys.meta_path.insert(0, NextVersionFinder())
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
