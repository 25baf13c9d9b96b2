"""`aftercommit diff`: what is different between two revisions, or since a moment."""
