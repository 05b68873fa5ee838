"""Errors that are shown to the user as a message, without a traceback."""

from __future__ import annotations

USER_ERRORS = (ValueError, TypeError, OSError, MemoryError)
"""exceptions whose text tells the user what to change"""


def format_error(error: BaseException) -> str:
    """Return the text of an exception as a sentence: capitalised, with a full stop."""
    text = str(error).strip() or type(error).__name__
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
