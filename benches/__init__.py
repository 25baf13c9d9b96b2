"""The benchmark: what the service does beside a Prefect server and beside the bare database, in one run."""
