"""Attaches the database of a real, unmodified Prefect server: what its own client does there becomes events here."""
