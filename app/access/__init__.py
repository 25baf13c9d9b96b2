"""Access control: credentials, requests that a browser was tricked into, and where to listen without a credential."""

from app.access.credentials import Credentials, Secrets, read_secrets
from app.access.exposure import is_loopback, require_credential
from app.access.holder import Holder
from app.access.sites import UNSAFE_METHODS, SiteRules, is_of_page

__all__ = [
    "UNSAFE_METHODS",
    "Credentials",
    "Holder",
    "Secrets",
    "SiteRules",
    "is_loopback",
    "is_of_page",
    "read_secrets",
    "require_credential",
]
