"""Serves Prefect's web pages at the paths that no route of the API has.

The rules are those of Prefect's server: the new page is at `/v2/`, the old one at `/`. `/` leads to the page that the
browser chose last, which is in a cookie that the pages set, or to the new one. Paths without a file are places inside
a page, so they get its index file.
"""

from functools import partial
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access import Credentials
from app.errors import Unavailable
from app.page.files import INDEX, PATHS, PageFile, PageFiles
from app.settings import Settings
from app.web.errors import unavailable
from app.web.routing import PREFIX

CHOICE_COOKIE: Final = "prefect_ui_version"
SETTINGS_PATH: Final = "/ui-settings"
OWN_PATHS: Final = frozenset({PREFIX, "/docs"})
"""What the API shows to browsers itself."""
KEPT_FOR_EVER: Final = "public, max-age=31536000, immutable"
CHECKED_EACH_TIME: Final = "no-cache"
SECURITY_HEADERS: Final = {
    # Nothing is requested from other hosts. The pages set styles on elements, and draw into blobs.
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


class Page:
    """Answers GET requests for the pages, and passes all others on.

    The files need no credential, as with Prefect's server: they are public. The pages ask for it themselves.
    """

    def __init__(self, app: ASGIApp, files: PageFiles, settings: Settings, credentials: Credentials) -> None:
        """Take what the pages need.

        Args:
            app: what answers all other requests.
            files: the files of the pages.
            settings: some of them are told to the pages.
            credentials: whether there are some is told to the pages.
        """
        self._app = app
        self._files = files
        self._settings = settings
        self._credentials = credentials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request if it is for a page."""
        if scope["type"] != "http" or scope["path"].startswith(f"{PREFIX}/") or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        response = await self._respond(scope)
        await (self._app if response is None else response)(scope, receive, send)

    async def _respond(self, scope: Scope) -> Response | None:
        path: str = scope["path"]
        headers = Headers(scope=scope)
        if path == SETTINGS_PATH:
            return await self._page_settings()
        if path not in self._files:
            if path in OWN_PATHS or "text/html" not in headers.get("accept", ""):
                return None
            page = self._page_of(path)
            chosen = self._chosen(headers) if path == "/" else page
            if chosen != page:
                return RedirectResponse(f"{scope.get('root_path', '')}{PATHS[chosen]}/", headers=SECURITY_HEADERS)
            path = PATHS[page] + INDEX
        file = await scope["app"].state.threads.run(partial(self._files.read, path))
        return _file_response(file, headers)

    async def _page_settings(self) -> Response:
        """Return what the pages ask for first, in the shape of Prefect's server."""
        try:
            needs_credential = await self._credentials.exist()
        except Unavailable as error:
            return unavailable(str(error))
        prefix, pages = self._settings.path_prefix, self._files.pages
        content = {
            "api_url": prefix + PREFIX,
            "csrf_enabled": self._settings.csrf_protection,
            "auth": "BASIC" if needs_credential else None,
            "flags": [],
            "default_ui": pages[0],
            "available_uis": sorted(pages),
            "v1_base_url": (prefix or "/") if "v1" in pages else None,
            "v2_base_url": f"{prefix}/v2" if "v2" in pages else None,
        }
        return JSONResponse(content, headers={"cache-control": CHECKED_EACH_TIME, **SECURITY_HEADERS})

    def _page_of(self, path: str) -> str:
        """Return the page at this path: the only one, if there is only one."""
        asked = "v2" if path == "/v2" or path.startswith("/v2/") else "v1"
        return asked if asked in self._files.pages else self._files.pages[0]

    def _chosen(self, headers: Headers) -> str:
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(CHOICE_COOKIE)
        except CookieError:
            cookie = None
        return cookie.value if cookie is not None and cookie.value in self._files.pages else self._files.pages[0]


def _file_response(file: PageFile, headers: Headers) -> Response:
    sent = {
        "cache-control": KEPT_FOR_EVER if file.is_named_by_content else CHECKED_EACH_TIME,
        "etag": file.etag,
        "vary": "accept-encoding",
        **SECURITY_HEADERS,
    }
    if file.etag in headers.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=sent)
    body = file.body
    if file.compressed is not None and "gzip" in headers.get("accept-encoding", ""):
        body = file.compressed
        sent["content-encoding"] = "gzip"
    return Response(body, media_type=file.content_type, headers=sent)
