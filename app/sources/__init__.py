"""Sources: databases that are not ours, whose committed changes become events in our log."""
