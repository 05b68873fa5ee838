"""Choose how samples are stored: photometric interpretation, extra samples, band metadata."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..image_file import PER_BAND, ImageFile
from ..lazy import numpy_or_dask
from .samples import ASSOCIATED, UNASSOCIATED, UNKNOWN


def sample_form(
    image: ImageFile, shape: tuple[int, ...], axes: str
) -> tuple[dict[str, Any], list[str], dict[str, Any]]:
    """Return tifffile's options for the samples, the band names, and the metadata.

    Parameters
    ----------
    image
        The image to write.
    shape, axes
        Shape and axes of the pixels as written, without separate alpha.
    """
    alpha = image.metadata.get("alpha") or {}
    samples = shape[-1] if axes[-1] in "CS" else 1
    count = samples if axes[-1] in "CS" else shape[axes.index("C")] if "C" in axes else 1
    said = image.metadata.get("photometric")
    rgb = axes[-1] == "S" or (said == "rgb" and axes[-1] == "C" and samples >= 3)
    white = said == "miniswhite" and not rgb and image.data.dtype.kind in "ui"
    form: dict[str, Any] = {
        "photometric": "rgb" if rgb else "miniswhite" if white else "minisblack"
    }
    role = ASSOCIATED if alpha.get("associated") else UNASSOCIATED
    extra = [UNKNOWN] * (samples - (3 if rgb else 1))
    if axes[-1] == "S":
        extra = [role] * len(extra)
    elif image.alpha is not None:
        extra.insert(opacity_place(image, count, rgb) - (3 if rgb else 1), role)
    if extra:
        form["extrasamples"] = extra
    names = _names(image, count)
    metadata = {k: v for k, v in image.metadata.items() if k not in PER_BAND or len(v) == count}
    if image.alpha is not None and axes[-1] != "S":
        place = opacity_place(image, count, rgb)
        names.insert(place, alpha.get("name", ""))
        for key, value in {"scale": 1.0, "offset": 0.0, "bands": ()}.items():
            if key in metadata:
                metadata[key] = (*metadata[key][:place], value, *metadata[key][place:])
    return form, names, metadata


def opacity_place(image: ImageFile, count: int, rgb: bool) -> int:
    """Return the index of a separate alpha among all samples."""
    at = (image.metadata.get("alpha") or {}).get("at", count)
    return int(min(max(at, 3 if rgb else 1), count))


def with_opacity(data: Any, axes: str, image: ImageFile) -> tuple[Any, str]:
    """Insert the alpha of an image into its samples of Y, X (and C)."""
    if axes == "YX":
        data = data[..., None]
    alpha = numpy_or_dask(image.alpha)[..., None].astype(data.dtype)
    rgb = image.metadata.get("photometric") == "rgb" and data.shape[-1] >= 3
    place = opacity_place(image, data.shape[-1], rgb or axes[-1] == "S")
    parts = [data[..., :place], alpha, data[..., place:]]
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts, axis=-1), "YXC"
    import dask.array as da

    joined = da.concatenate([part for part in parts if part.shape[-1]], axis=-1)
    return joined.rechunk({2: -1}), "YXC"


def _names(image: ImageFile, count: int) -> list[str]:
    names = image.metadata.get("band_names", ()) if "S" in (image.axes or "") else ()
    if len(names) == count:
        return list(names)
    if len(image.channels) != count:
        return [""] * count
    bands = image.metadata.get("bands", ())
    bands = bands if len(bands) == count else ((),) * count
    found = []
    for i, channel in enumerate(image.channels):
        own = [item[3].title() for item in bands[i] if item[1] == "colorinterp"]
        # A name derived from the colour interpretation is not an original band name.
        found.append("" if channel.name in own and not _named(image, i) else channel.name)
    return found


def _named(image: ImageFile, band: int) -> bool:
    names = image.metadata.get("band_names", ())
    return band < len(names) and bool(names[band])
