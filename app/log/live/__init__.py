"""Follows the log as it grows: all readers in a process share its reads, and each reader has its own position."""

from app.log.live.feed import Subscription
from app.log.live.hub import LiveHub
from app.log.live.reading import Frame

__all__ = ["Frame", "LiveHub", "Subscription"]
