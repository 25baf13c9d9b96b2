"""The chaos driver: kills and hangs real processes at random under load, and checks the result from outside."""
