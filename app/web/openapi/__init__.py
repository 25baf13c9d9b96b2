"""The OpenAPI document of the API, and the page that shows it."""

from app.web.openapi.document import DocumentedApi

__all__ = ["DocumentedApi"]
