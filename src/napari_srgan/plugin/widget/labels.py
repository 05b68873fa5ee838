"""Format the descriptions of the source layer and of the estimate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engine.axes import complete_labels
from ...options import Options
from .. import formatting
from ..errors import USER_ERRORS
from ..layers.source import layer_source, level_0

if TYPE_CHECKING:
    from napari.layers import Image

    from ..jobs.estimate import Estimate, Total

NO_IMAGE = "Open an image first: drop a file onto the window, or take File ▸ Open Sample."


def source_text(layer: Image | None, remark: str = "", typed_axes: str | None = None) -> str:
    """Describe axes, shape, dtype and pixel size of a layer.

    Parameters
    ----------
    layer
        The source layer; None if there is none.
    remark
        Second line, empty for none.
    typed_axes
        Axes typed by the user.
    """
    if layer is None:
        return NO_IMAGE
    data = level_0(layer)
    axes = axes_of(layer, typed_axes)
    rgb = layer.rgb
    axes_known = (
        typed_axes or layer.ndim == 2 or complete_labels(layer.axis_labels, data.shape, rgb=rgb)
    )
    parts = [
        " ".join(axes.replace("S", ""))
        + (" RGB" if "S" in axes else "")
        + ("" if axes_known else " (guessed)"),
        formatting.format_shape(data.shape[:-1] if rgb else data.shape),
        str(data.dtype),
        formatting.format_pixel_size(layer.scale[-2:], layer.units[-2:]),
    ]
    text = " · ".join(part for part in parts if part)
    return f"{text}\n{remark}" if remark else text


def axes_of(layer: Image, typed_axes: str | None = None) -> str:
    """Return the typed axes, else those of the layer; ``?`` if they cannot be determined."""
    try:
        return layer_source(layer, Options(axes=typed_axes))[1].axes or "?"
    except USER_ERRORS:
        return "?"


def estimate_text(estimate: Estimate, layer: Image) -> str:
    """Describe the result of a run, or of several runs: size, run time, memory and device."""
    if estimate.total is not None:
        return _total_text(estimate.total, estimate.device)
    rgb = "S" in estimate.axes
    factors = estimate.factors[: layer.ndim]
    scale = [abs(s) / f for s, f in zip(layer.scale, factors, strict=True)]
    output = [
        formatting.format_shape(estimate.shape[:-1] if rgb else estimate.shape) + " RGB" * rgb,
        estimate.dtype,
        formatting.format_pixel_size(scale[-2:], layer.units[-2:]),
    ]
    cost = [
        formatting.format_bytes(estimate.nbytes),
        "1 tile" if estimate.tiles == 1 else f"{estimate.tiles} tiles",
        formatting.format_estimate(estimate.seconds) if estimate.seconds is not None else "",
    ]
    memory = estimate.working_bytes + (0 if estimate.on_disk else estimate.nbytes)
    lines = [output, cost, [f"{formatting.format_bytes(memory)} of memory", estimate.device]]
    return "→ " + "\n".join(" · ".join(part for part in line if part) for line in lines)


def _total_text(total: Total, device: str) -> str:
    seconds = "" if total.seconds is None else formatting.format_estimate(total.seconds)
    parts = [formatting.format_bytes(total.nbytes), f"{total.tiles} tiles", seconds]
    cost = " · ".join(part for part in parts if part)
    memory = f"{formatting.format_bytes(total.memory)} of memory"
    return f"→ {total.layers} layers: {cost}\n{memory} · {device}"
