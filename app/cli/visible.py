"""What is stored, made fit for a terminal."""


def visible(text: str) -> str:
    """Spell out control characters: a name must not steer the terminal or break the line."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
