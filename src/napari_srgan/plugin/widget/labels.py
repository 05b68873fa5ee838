"""What the form says of a layer and of what will come out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engine.axes import complete_labels
from ...options import Options
from .. import formatting
from ..jobs.queue import EXPECTED
from ..layers.source import layer_source, level_0

if TYPE_CHECKING:
    from napari.layers import Image

    from ..jobs.estimate import Estimate

NOTHING = "Open an image first: drop a file onto the window, or take File ▸ Open Sample."


def source_text(layer: Image | None, remark: str = "", given: str | None = None) -> str:
    """Say what was understood of a layer.

    Parameters
    ----------
    layer
        The one that is looked at; None if there is none.
    remark
        What is taken and why, where that needs saying.
    given
        Axes that a person typed.
    """
    if layer is None:
        return NOTHING
    data = level_0(layer)
    axes = axes_of(layer, given)
    rgb = layer.rgb
    named = given or layer.ndim == 2 or complete_labels(layer.axis_labels, data.shape, rgb=rgb)
    parts = [
        " ".join(axes.replace("S", ""))
        + (" RGB" if "S" in axes else "")
        + ("" if named else " (guessed)"),
        formatting.format_shape(data.shape[:-1] if rgb else data.shape),
        str(data.dtype),
        formatting.format_pixel_size(layer.scale[-2:], layer.units[-2:]),
    ]
    text = " · ".join(part for part in parts if part)
    return f"{text}\n{remark}" if remark else text


def axes_of(layer: Image, given: str | None = None) -> str:
    """Return a layer's axes as they were given or are understood; ``?`` where they are not."""
    try:
        return layer_source(layer, Options(axes=given))[1].axes or "?"
    except EXPECTED:
        return "?"


def estimate_text(estimate: Estimate, layer: Image) -> str:
    """Say what will come out of a run."""
    rgb = "S" in estimate.axes
    factors = estimate.factors[: layer.ndim]
    scale = [abs(s) / f for s, f in zip(layer.scale, factors, strict=True)]
    gives = [
        formatting.format_shape(estimate.shape[:-1] if rgb else estimate.shape) + " RGB" * rgb,
        estimate.dtype,
        formatting.format_pixel_size(scale[-2:], layer.units[-2:]),
    ]
    costs = [
        formatting.format_bytes(estimate.nbytes),
        "1 tile" if estimate.tiles == 1 else f"{estimate.tiles} tiles",
        formatting.format_estimate(estimate.seconds) if estimate.seconds is not None else "",
    ]
    memory = estimate.working_bytes + (0 if estimate.on_disk else estimate.nbytes)
    lines = [gives, costs, [f"{formatting.format_bytes(memory)} of memory", estimate.where]]
    return "→ " + "\n".join(" · ".join(part for part in line if part) for line in lines)
