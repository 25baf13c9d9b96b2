"""Who may come in: the credentials that there are, and whether the API may listen without any."""

from app.access.credentials import Credentials, Presented, presented
from app.access.exposure import is_loopback, require_credential

__all__ = ["Credentials", "Presented", "is_loopback", "presented", "require_credential"]
