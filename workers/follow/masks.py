"""What masks the values of a source: the general rules, those of the settings, and those of the profile."""

from app.capture.masking import Masker
from app.capture.masking_rules import Rules as MaskingRules
from app.settings import Settings
from app.sources.profile import Profile, ProfileKind
from workers.follow.states import Rules


def make_rules(settings: Settings, profile: Profile) -> dict[str, Rules]:
    """Return each kind of the profile with its masker, by name."""
    return {name: Rules(kind, _masker(settings, kind)) for name, kind in profile.kinds.items()}


def _masker(settings: Settings, kind: ProfileKind) -> Masker:
    by_key = MaskingRules(keys=settings.masked_keys)
    # The general rules know keys within a value. Here the column itself has a name that may be the one of a secret.
    secret = tuple(column for column in sorted(kind.used) if by_key.is_secret(column))
    masked = (*settings.masked_paths, *kind.masked, *secret)
    rules = MaskingRules(settings.masked_keys, masked, settings.unmasked_paths)
    return Masker(settings.masking_key.get_secret_value(), rules)
