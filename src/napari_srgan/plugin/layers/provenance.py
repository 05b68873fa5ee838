"""Provenance of a result, for the metadata of a layer and the description of a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...engine.plan import Plan

PREFIX = "super-resolved by napari-srgan: "
NIFTI_LENGTH = 80
"""size in bytes of the description in a NIfTI header"""


def provenance(plan: Plan, remarks: Sequence[str] = ()) -> dict[str, Any]:
    """Return the provenance of a result as JSON-ready values; ``remarks`` are those of the run."""
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


def describe(record: dict[str, Any] | None, description: str) -> str:
    """Return the description of a file: its provenance as JSON and the source's description."""
    if not record:
        return description
    values = (
        {**record, "source": description}
        if description and not parse_description(description)
        else record
    )
    return PREFIX + json.dumps(values, default=str)


def describe_briefly(record: dict[str, Any] | None, description: str) -> str:
    """Return a description that fits into the header of a NIfTI file."""
    if not record:
        return description[: NIFTI_LENGTH - 1]
    return f"super-resolved x{record.get('scale')} by napari-srgan, model {record.get('model')}"


def parse_description(description: str) -> dict[str, Any] | None:
    """Return the provenance in a description written by `describe`, else None."""
    if not description.startswith(PREFIX):
        return None
    try:
        found = json.loads(description[len(PREFIX) :])
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
