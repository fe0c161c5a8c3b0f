"""What may be typed: the rules that every text passes before it is stored."""

import re
import unicodedata

from db.errors import TextError

MAX_SENTENCE = 300
"""Characters of a sentence about one action unit."""
MAX_DESCRIPTION = 1000
"""Characters of a description of the whole face."""
MAX_NOTE = 500
"""Characters of a reason or a note."""
MAX_NAME = 80
"""Characters of a name, a code or a source."""

_MARKUP = re.compile(r"<[a-zA-Z/!?]")  # a browser takes "< b" for text too
_HIDDEN = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")


def clean_text(text: str | None, limit: int, what: str) -> str | None:
    """The text without spaces around it, None when nothing is left; raises `TextError` for what may not be stored.

    Refused: more than `limit` characters; control characters, line breaks too; marks that turn the direction of writing
    or show nothing; half characters; and what begins like an HTML tag. A lone "<" may stay, and letters of all scripts,
    those written from right to left too. Pages escape what they show all the same. `what` names the text in messages.
    """
    if text is None:
        return None
    text = text.strip()
    if len(text) > limit:
        raise TextError(
            f"{what} is too long. It has {len(text)} characters; {limit} are allowed. Shorten it."
        )
    for position, character in enumerate(text):
        if unicodedata.category(character) in ("Cc", "Cs", "Cn", "Co", "Zl", "Zp") or _HIDDEN.match(
            character
        ):
            raise TextError(
                f"{what} holds a character that cannot be seen. At position {position + 1} there is "
                f"U+{ord(character):04X}. Type it again in plain letters on one line."
            )
    if found := _MARKUP.search(text):
        raise TextError(
            f"{what} looks like HTML. It holds {text[found.start() : found.start() + 12]!r}. "
            "Write plain words without tags."
        )
    return text or None


def required_text(text: str | None, limit: int, what: str) -> str:
    """Like `clean_text`, for a text that has to be there."""
    cleaned = clean_text(text, limit, what)
    if cleaned is None:
        raise TextError(f"{what} is missing. It is empty. Write at least one word.")
    return cleaned
