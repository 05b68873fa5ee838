"""``napari_srgan.read`` and the npe2 reader: read files as layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike, fspath
from typing import Any

from .. import settings
from .to_layers import LayerData, layers_of

Path = str | PathLike[str]


def get_reader(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """Return the reader for a file, a folder or a stack of files; None if it is not supported.

    The file type is determined from the first bytes. No exception is raised.
    """
    from ...io import kind

    paths = [path] if isinstance(path, str) else list(path)
    return read_for_viewer if paths and all(map(kind, paths)) else None


def read_for_viewer(path: Path | Sequence[Path]) -> list[LayerData]:
    """Read as `read` does; in a napari viewer, live views are added.

    A file that belongs to an image in the viewer, opened by another file of its set, adds nothing.
    Slices of one DICOM series that are dropped together become one volume.
    """
    from .on_open import prepare_for_viewer, shown_by
    from .slices import is_gathered

    nothing: Any = [(None,)]  # as napari has it
    if isinstance(path, (str, PathLike)):
        if other := shown_by(fspath(path)):
            from napari.utils.notifications import show_info

            show_info(f"{fspath(path)} is a part of the image of {other}, which is open.")
            return nothing  # type: ignore[no-any-return]
        if is_gathered(fspath(path)):
            return nothing  # type: ignore[no-any-return]
    return prepare_for_viewer(read(path))


def read(path: Path | Sequence[Path]) -> list[LayerData]:
    """Read a file, a folder or a list of files as layers of napari.

    Parameters
    ----------
    path
        A file or folder of any of the formats in ``napari_srgan.io.FORMATS``, or a list of files.

    Returns
    -------
    list of LayerData
        Tuples of data, arguments and ``"image"``: ``viewer.add_image(data, **arguments)``; or
        ``"labels"`` for the label images of an OME-Zarr. Scale, units, axis labels, transform,
        colormap and contrast limits are those of the file. ``metadata`` contains the other
        metadata of the file, which `napari_srgan.write` writes back. Data larger than the setting
        ``lazy_over`` or 30 % of the free memory are dask arrays.

    Raises
    ------
    ValueError
        If the file type is unknown or a file is damaged.
    OSError
        If a file does not exist or cannot be read.
    MemoryError
        If the pixels do not fit into memory.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_srgan as ns
    >>> layer = np.zeros((20, 30), "uint8"), {"scale": (2, 3), "units": ("µm", "µm")}, "image"
    >>> paths = ns.write("cells.tif", layer)
    >>> ((data, arguments, kind),) = ns.read(paths[0])
    >>> data.shape, kind
    ((20, 30), 'image')
    >>> [float(step) for step in arguments["scale"]]
    [2.0, 3.0]
    """
    from ...io import default_limit, stem
    from ...io import read as read_images

    one = isinstance(path, (str, PathLike))
    paths = [fspath(path)] if one else [fspath(p) for p in path]  # type: ignore[arg-type,union-attr]
    limit = default_limit(settings.get("lazy_over") << 20)
    images = read_images(paths[0] if one else paths, limit)
    return layers_of(images, paths[0], stem(paths[0]))
