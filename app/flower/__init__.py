"""Flower, the web page for Celery, with the access rules of the API. It only looks, unless it is told otherwise."""
