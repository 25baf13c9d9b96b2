"""Access control: checks the credentials of requests, and whether the API may listen without any credential."""

from app.access.credentials import Credentials, Secrets, read_secrets
from app.access.exposure import is_loopback, require_credential

__all__ = ["Credentials", "Secrets", "is_loopback", "read_secrets", "require_credential"]
