"""How a result was made, as the description of a file."""

from __future__ import annotations

import json
from typing import Any

BEGIN = "super-resolved by napari-srgan: "
SHORT = 80
"""characters that a NIfTI file holds"""


def described(made: dict[str, Any] | None, before: str) -> str:
    """Return the description of a file: how it was made, and what its source said.

    It is ASCII, as a TIFF's tags must be.
    """
    if not made:
        return before.encode("ascii", "replace").decode()
    said = {**made, "source": before} if before and not made_of(before) else made
    return BEGIN + json.dumps(said, default=str)


def in_few_words(made: dict[str, Any] | None, before: str) -> str:
    """Return what fits into the header of a NIfTI file."""
    if not made:
        return before[: SHORT - 1]
    return f"super-resolved x{made.get('scale')} by napari-srgan, model {made.get('model')}"


def made_of(description: str) -> dict[str, Any] | None:
    """Return how a file was made, where `described` wrote it."""
    if not description.startswith(BEGIN):
        return None
    try:
        found = json.loads(description[len(BEGIN) :])
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
