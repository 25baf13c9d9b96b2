"""Prefect's web pages: the files of Prefect's package, served beside the API."""

from app.page.files import PageFiles, default_folder
from app.page.serving import Page

__all__ = ["Page", "PageFiles", "default_folder"]
