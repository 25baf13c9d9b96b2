"""Compares what a Prefect server told in its own `events` table with what was committed, as our log has it."""
