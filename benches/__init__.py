"""Benchmarks: compare the service with a real Prefect server and with plain SQL, in one run."""
