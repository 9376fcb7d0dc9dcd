"""What of a person's words can be stored at all (pure)."""


def is_storable(text: str) -> bool:
    """Whether both databases and UTF-8 take it: no NUL, no half of a surrogate pair, which JSON can smuggle in."""
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
