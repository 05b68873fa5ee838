"""How a result was made: in a layer's metadata and in the description of a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...engine.plan import Plan

BEGIN = "super-resolved by napari-srgan: "
SHORT = 80
"""characters that a NIfTI file holds"""


def provenance(plan: Plan, remarks: Sequence[str] = ()) -> dict[str, Any]:
    """Say how a result was made, in plain values; ``remarks`` are those of the run."""
    import torch

    from ... import __version__

    return {
        "model": plan.model.card.name,
        "sha256": list(plan.model.sha256),
        "detail": plan.model.detail,
        "scale": plan.scale,
        "axes": plan.layout.axes,
        "part": [list(span) for span in plan.spans],
        "consistency": plan.consistency,
        "normalise": plan.intensity.pairs,
        "device": str(plan.compute.device),
        "precision": plan.compute.precision,
        "nodata": plan.nodata,
        "remarks": list(remarks),
        "versions": {"napari-srgan": __version__, "torch": torch.__version__},
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def described(made: dict[str, Any] | None, before: str) -> str:
    """Return the description of a file: how it was made, and what its source said."""
    if not made:
        return before
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
