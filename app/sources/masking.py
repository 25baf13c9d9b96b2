"""What masks the values of a source: the general rules, those of the settings, and those of the profile."""

from app.capture.masking import Masker
from app.capture.masking_rules import Rules
from app.settings import Settings
from app.sources.profile import ProfileKind


def make_kind_masker(settings: Settings, kind: ProfileKind) -> Masker:
    """Return what masks the values of a kind."""
    by_key = Rules(keys=settings.masked_keys)
    # The general rules know keys within a value. Here the column itself has a name that may be the one of a secret.
    secret = tuple(column for column in sorted(kind.used) if by_key.is_secret(column))
    masked = (*settings.masked_paths, *kind.masked, *secret)
    rules = Rules(settings.masked_keys, masked, settings.unmasked_paths)
    return Masker(settings.masking_key.get_secret_value(), rules)
