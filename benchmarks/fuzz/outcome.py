"""What comes of a damaged file: images, a refusal, or a fault."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from napari_srgan import io
from napari_srgan.io import ImageFile
from napari_srgan.io.finer_image import finer_image

LONGEST = 2.0
"""seconds of the processor that one file may take"""
MOST_MEMORY = 500 << 20
"""bytes that one file may take"""
LARGE = 64 << 20
"""bytes of an image of which only a corner is computed"""
REFUSALS = (ValueError, OSError, MemoryError)

Outcome = tuple[str, str]
"""``read``, ``refused`` or what is wrong, and more of it"""


def outcome(path: Path, number: int) -> Outcome:
    """Open a file as the plugin does and say what came of it."""
    from napari_srgan.plugin.files.to_layers import layers_of

    _forget_peak()
    before, since = memory("VmRSS"), time.process_time()
    limit = 10 if number % 2 else None
    result: Outcome
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            images = io.read(path, limit)
            for image in images:
                check(image)
            layers_of(images, str(path), "a")
            if number % 7 == 0:
                _write(images[0], path)
            result = "read", ""
        except REFUSALS as error:
            named = path.name in str(error) or isinstance(error, MemoryError)
            result = ("refused", "") if named else ("nameless", f"{type(error).__name__}: {error}")
        except Exception as error:
            result = "exception", _where(error)
    seconds, taken = time.process_time() - since, memory("VmHWM") - before
    # A file that a library leaves open is closed, with a word, whenever its turn comes.
    said = [w for w in said if not issubclass(w.category, ResourceWarning)]
    foreign = [w for w in said if w.category is not UserWarning or not _ours(str(w.message), path)]
    if foreign:
        result = "warning", f"{foreign[0].category.__name__}: {foreign[0].message}"
    if seconds > LONGEST:
        result = "slow", f"{seconds:.1f} s"
    if taken > MOST_MEMORY:
        result = "large", f"{taken >> 20} MiB"
    return result


def check(image: ImageFile) -> None:
    """Refuse an image that contradicts itself.

    Raises
    ------
    AssertionError
        If it does.
    """
    shape, axes = tuple(image.data.shape), image.axes
    assert axes is None or len(axes) == len(shape), f"axes {axes} of {shape}"
    assert axes is None or len(set(axes)) == len(axes), f"axes {axes}"
    assert len(shape) >= 2, f"shape {shape}"
    sizes = image.pixel_size
    assert all(0 < size < np.inf for size in sizes.values()), f"pixel size {sizes}"
    assert image.nodata is None or isinstance(image.nodata, float | int), f"{image.nodata!r}"
    if image.affine is not None:
        assert image.affine.shape == (4, 4), "affine"
        assert np.isfinite(image.affine).all(), f"affine {image.affine}"
    if image.geo is not None and image.geo.transform is not None:
        assert np.isfinite(image.geo.transform).all(), f"transform {image.geo.transform}"
    plain = tuple(n for n, a in zip(shape, axes or "", strict=False) if a != "S")
    plane = tuple(n for n, a in zip(shape, axes or "", strict=False) if a in "YX")
    for part in (image.missing, image.alpha):
        if part is not None and axes is not None:
            assert part.shape in (plain, plane), f"{part.shape} beside {axes} {shape}"
            _computed(part)
    count = shape[axes.index("C")] if axes and "C" in axes else 1
    assert len(image.channels) in (0, count), f"{len(image.channels)} channels of {count}"
    for level in (image.data, *image.levels):
        _computed(level)
    for label in image.labels:
        check(label)
    if axes is not None and image.data.nbytes < LARGE:
        data = np.broadcast_to(np.zeros((), image.data.dtype), _finer(shape, axes))
        finer = finer_image(image, data, io.finest_plane(image) or axes, 2)
        for part in (finer.missing, finer.alpha):
            if part is not None:
                _computed(part)


def _finer(shape: tuple[int, ...], axes: str) -> tuple[int, ...]:
    return tuple(n * 2 if a in "YX" else n for n, a in zip(shape, axes, strict=True))


def _computed(data: Any) -> None:
    if data.nbytes > LARGE:
        chunks = getattr(data, "chunks", None)
        data = data[tuple(slice(0, 1) for _ in data.shape)]
        if chunks is not None and np.prod([c[0] for c in chunks]) > LARGE:
            return  # one chunk of it is large
    np.asarray(data)


def _write(image: ImageFile, path: Path) -> None:
    """Write an image as the formats that hold the most."""
    if image.data.nbytes > LARGE:
        return
    for end in (".tif", ".zarr"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                io.write(path.parent.parent / f"written-{path.name}{end}", image, "made")
            except ValueError:
                continue  # the format does not hold it


def _ours(text: str, path: Path) -> bool:
    return path.parent.name in text or path.name in text


def _where(error: Exception) -> str:
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = ""
    if last is not None:
        place = f" ({Path(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno})"
    return f"{type(error).__name__}: {str(error)[:200]}{place}"


def _forget_peak() -> None:
    """Make the highest memory so far the memory of now, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def memory(name: str) -> int:
    """Return bytes of memory of this process, as the system calls it; 0 where it does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    found = next((line.split() for line in lines if line.startswith(f"{name}:")), ["", "0"])
    return int(found[1]) << 10
