"""Arguments of a result layer, which covers the same world region as its source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .origin import PROVENANCE_KEY
from .provenance import provenance

if TYPE_CHECKING:
    import numpy.typing as npt
    from napari.layers import Image

    from ...engine.plan import Plan


COPIED_ATTRIBUTES = (
    "affine",
    "axis_labels",
    "blending",
    "gamma",
    "opacity",
    "rgb",
    "rotate",
    "shear",
    "units",
    "contrast_limits",
)
"""attributes copied unchanged from the source"""


def layer_state(layer: Image) -> dict[str, Any]:
    """Return the current attributes of a source that its result depends on."""
    names = (*COPIED_ATTRIBUTES, "name", "scale", "translate", "metadata")
    state: dict[str, Any] = {name: getattr(layer, name) for name in names}
    if not layer.rgb:
        state["colormap"] = layer.colormap
    return state


def layer_arguments(
    state: dict[str, Any], plan: Plan, title: str = "", remarks: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the layer arguments of a result.

    Parameters
    ----------
    state
        `layer_state` of the source.
    plan
        The plan of the run.
    title
        Suffix of the name, after the source's name and the scale.
    remarks
        Remarks of the run, for the provenance.
    """
    axes = [i for i, letter in enumerate(plan.layout.axes) if letter != "S"]
    return {
        **state,
        **finer_transform(state, [plan.factors[i] for i in axes], [plan.spans[i][0] for i in axes]),
        "name": f"{state['name']} ×{plan.scale}{title}",
        "multiscale": False,
        "metadata": {**state["metadata"], PROVENANCE_KEY: provenance(plan, remarks)},
    }


def finer_transform(
    state: dict[str, Any], factors: Sequence[int], first: Sequence[int]
) -> dict[str, npt.NDArray[np.float64]]:
    """Return scale and translate of a region of a layer, upsampled by ``factors``.

    napari's origin is the centre of pixel 0, so the translation changes, too: the outer edge of the
    first pixel of the region, half a pixel before its centre, must stay in place.
    ``scale' = scale / r`` and ``translate' = translate + R·S·diag(scale)·(f + (1 − r) / (2r))``,
    with rotation R, shear S and first pixel f.
    """
    from napari.utils.transforms import Affine

    r = np.asarray(factors, float)
    linear = Affine(
        rotate=state["rotate"], shear=state["shear"], scale=state["scale"]
    ).linear_matrix
    return {
        "scale": np.asarray(state["scale"]) / r,
        "translate": np.asarray(state["translate"]) + linear @ (first + (1 - r) / (2 * r)),
    }
