"""Flower, the web page for Celery, with the access rules of the API. It is read-only, unless a setting allows more."""
