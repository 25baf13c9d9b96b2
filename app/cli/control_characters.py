"""Escaping of control characters in stored texts."""


def escape_control_characters(text: str) -> str:
    """Escape control characters: a stored name must neither control the terminal nor break the line."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
