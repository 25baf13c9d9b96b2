"""The page at `/docs`. Its scripts and styles are files of a Python package, so the page works without internet."""

from typing import Final

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

PATH: Final = "/docs"
FILES: Final = "/docs/files"
PACKAGE: Final = ("fastapi_swagger", "resources")
"""The package, and its folder with the files of Swagger UI."""
ONLY_FROM_HERE: Final = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; "
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
)
"""The browser refuses every request of the page to another host."""


def add_page(app: FastAPI) -> None:
    """Add the page and its files."""
    app.add_api_route(PATH, show_page, include_in_schema=False, response_class=HTMLResponse)
    app.mount(FILES, StaticFiles(packages=[PACKAGE]))


async def show_page(request: Request) -> HTMLResponse:
    """Return the page, which reads the document and shows it."""
    root = request.scope.get("root_path", "").rstrip("/")
    page = get_swagger_ui_html(
        openapi_url=f"{root}{request.app.openapi_url}",
        title=request.app.title,
        swagger_js_url=f"{root}{FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{FILES}/swagger-ui.css",
        swagger_favicon_url=f"{root}{FILES}/favicon-32x32.png",
        # Swagger UI would send the document to a host that validates it.
        swagger_ui_parameters={"validatorUrl": None, "docExpansion": "none", "filter": True},
    )
    page.headers["content-security-policy"] = ONLY_FROM_HERE
    return page
