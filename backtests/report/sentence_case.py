"""How a sentence begins."""


def capitalize_first(text: str) -> str:
    """`text` with a capital letter; the name of a file or a symbol stays as it is written."""
    first = text.partition(" ")[0]
    is_name = "/" in first or "." in first.rstrip(".") or any(map(str.isupper, first))
    return text if is_name else text[:1].upper() + text[1:]
