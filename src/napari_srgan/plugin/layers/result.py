"""The arguments of a result layer, which covers the same place as its source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files.to_layers import MADE
from .provenance import provenance

if TYPE_CHECKING:
    import numpy.typing as npt
    from napari.layers import Image

    from ...engine.plan import Plan


CARRIED = (
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
"""attributes that the result has from its source as they are"""


def layer_state(layer: Image) -> dict[str, Any]:
    """Return what a result takes over from its source, as it is now."""
    names = (*CARRIED, "name", "scale", "translate", "metadata")
    state: dict[str, Any] = {name: getattr(layer, name) for name in names}
    if not layer.rgb:
        state["colormap"] = layer.colormap
    return state


def layer_arguments(
    state: dict[str, Any], plan: Plan, title: str = "", remarks: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the arguments that lay a plan's result over its source.

    Parameters
    ----------
    state
        What `layer_state` returned of the source.
    plan
        The plan that was carried out.
    title
        Added to the name, which is the source's with the scale.
    """
    axes = [i for i, letter in enumerate(plan.layout.axes) if letter != "S"]
    return {
        **state,
        **finer_transform(state, [plan.factors[i] for i in axes], [plan.spans[i][0] for i in axes]),
        "name": f"{state['name']} ×{plan.scale}{title}",
        "multiscale": False,
        "metadata": {**state["metadata"], MADE: provenance(plan, remarks)},
    }


def finer_transform(
    state: dict[str, Any], factors: Sequence[int], first: Sequence[int]
) -> dict[str, npt.NDArray[np.float64]]:
    """Return scale and translate of a part of a layer with ``factors`` times more pixels.

    napari puts the origin at the centre of pixel 0, so beside the scale the translation changes:
    the outer edge of the part's first pixel, half a pixel before its centre, is what stays.
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
