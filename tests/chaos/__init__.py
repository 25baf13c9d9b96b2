"""Chaos: real processes under load, killed and hung at random, and a verdict from the outside."""
