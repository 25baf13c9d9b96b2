"""Prefect's own web pages in a real browser, against the whole service as real processes."""
