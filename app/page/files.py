"""Reads the files of Prefect's two web pages from its unpacked package, and makes them ready to be sent.

The package has a place holder in some files, for the path at which the page is served. Prefect's server replaces it in
a copy of all files. Here it is replaced in memory when a file is first requested.
"""

import gzip
import hashlib
import mimetypes
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple

PLACE_HOLDER: Final = b"/PREFECT_UI_SERVE_BASE_REPLACE_PLACEHOLDER"
ANALYTICS_KEY: Final = re.compile(rb"(?<=`)[0-9a-f]{32}(?=`)")
"""The key with which the new page reports its use to a service of Prefect's. Without it, it reports nothing."""
EVAL: Final = re.compile(rb"(?:let|const) ([\w$]+)=eval;try\{return \1\(([\w$]+)\),!0\}catch\{return!1\}")
"""How the old page asks whether a global name such as `document` exists. If `eval` is forbidden, it has no colours."""
UNSHOWN: Final = re.compile(
    rb"(?<![\w$])([\w$]++)(\.success\((?:(?!\.success\()[^;]){1,400}?,onError:([\w$]+)=>"
    rb"\{(?:let|const) ([\w$]+)=\3\.message\|\|`Unknown error[^`]*`;)"
    rb"(console\.error\(\4\)|[\w$]+\.setError\(`root`,\{message:\4\}\))\}"
)
"""Where the new page shows the success of a change, but not its failure.

It writes the failure on the console of the browser, or into a form that it closes at once.
"""
FOLDERS: Final = {"v2": "ui-v2", "v1": "ui"}
"""The folders of the new and the old page in the package, by Prefect's names of the pages."""
PATHS: Final = {"v2": "/v2", "v1": ""}
"""The paths below which Prefect's server serves the pages."""
INDEX: Final = "/index.html"
TEXT_TYPES: Final = ("text/", "image/svg+xml", "application/json", "application/manifest+json")
TYPES: Final = {
    ".js": "text/javascript",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
"""Types that a system's tables may lack."""
SMALLEST_COMPRESSED: Final = 500


def default_folder() -> Path:
    """Return the folder into which set-up unpacks the package: below the environment of this interpreter."""
    return Path(sys.prefix) / "share" / "aftercommit" / "page"


class PageFile(NamedTuple):
    """A file as it is sent."""

    body: bytes
    compressed: bytes | None
    content_type: str
    etag: str
    is_named_by_content: bool
    """Whether a file with other content would have another name, so that browsers may keep it for ever."""


class PageFiles:
    """The files of the pages that a folder has, by their paths in URLs."""

    def __init__(self, folder: Path, path_prefix: str) -> None:
        """List the files.

        Args:
            folder: where the package was unpacked. It may be missing.
            path_prefix: the path at which a proxy shows the service, such as `/prefect`, or an empty text.
        """
        self._path_prefix = path_prefix
        self._sources: dict[str, tuple[str, Path]] = {}
        self._read: dict[str, PageFile] = {}
        for page, name in FOLDERS.items():
            root = folder / "prefect" / "server" / name
            self._sources |= {PATHS[page] + path: (page, file) for path, file in _files_in(root)}
        for path, place in list(self._sources.items()):
            if path.endswith(".ico"):  # The pages also ask for these at the root of the host.
                self._sources[path[path.rindex("/") :]] = place
        self.pages = [page for page in FOLDERS if PATHS[page] + INDEX in self._sources]
        """The pages that are there, the default one first."""

    @property
    def paths(self) -> Collection[str]:
        """The paths of all files."""
        return self._sources.keys()

    def __contains__(self, path: str) -> bool:
        """Return whether there is a file at this path."""
        return path in self._sources

    def read(self, path: str) -> PageFile:
        """Return the file at this path. The first call for a path reads and compresses it, which takes time.

        Raises:
            KeyError: there is no such file.
            OSError: the file cannot be read any more.
        """
        if path not in self._read:
            page, source = self._sources[path]
            body = source.read_bytes().replace(PLACE_HOLDER, (self._path_prefix + PATHS[page]).encode())
            body = ANALYTICS_KEY.sub(b"", body)
            body = EVAL.sub(rb"return \2 in globalThis", body)
            if b"`Unknown error" in body:  # The pattern takes long for the largest files.
                body = UNSHOWN.sub(rb"\1\2\1.error(\4),\5}", body)
            self._read[path] = _prepared(body, source)
        return self._read[path]


def _files_in(root: Path) -> Iterator[tuple[str, Path]]:
    for file in root.rglob("*"):
        if file.is_file():
            yield f"/{file.relative_to(root).as_posix()}", file


def _prepared(body: bytes, source: Path) -> PageFile:
    content_type = TYPES.get(source.suffix) or mimetypes.guess_type(source.name)[0]
    content_type = content_type or "application/octet-stream"
    is_text = content_type.startswith(TEXT_TYPES)
    return PageFile(
        body=body,
        compressed=gzip.compress(body, 6, mtime=0) if is_text and len(body) >= SMALLEST_COMPRESSED else None,
        content_type=f"{content_type}; charset=utf-8" if is_text else content_type,
        etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        is_named_by_content=source.parent.name == "assets",
    )
