"""Follows the attached sources: moves their committed changes into the log, each exactly once."""
