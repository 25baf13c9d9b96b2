"""Chaos with a source: the driver kills a Prefect server, its database and our workers, and judges from their tables.

The writers change the server's own tables with the transactions that it makes itself, only faster. In the same
transaction each writer notes what it changed, in a table beside them. So what is noted there is exactly what was
committed, whatever was killed: that is the model by which our log is judged.
"""
