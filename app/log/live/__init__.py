"""The log as it grows: one look at it for all readers of a process, each of which goes on at its own pace."""

from app.log.live.hub import Live
from app.log.live.reading import Frame
from app.log.live.subscription import Subscription

__all__ = ["Frame", "Live", "Subscription"]
