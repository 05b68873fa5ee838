"""Convert arrays of other libraries to the engine's input, and results back to their type."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from .array_input import ArrayInput, repeated


def understand(image: Any, axes: str | None = None) -> ArrayInput:
    """Convert an image to the common input form, with its metadata.

    Parameters
    ----------
    image
        Array of numpy, dask, zarr, xarray, PyTorch, CuPy or tensorstore, of the array API, or an
        object that numpy converts to an array.
    axes
        Axis letters given by the user; dimension names of the image are then ignored.

    Raises
    ------
    TypeError
        If it is not an array, or not a readable one; the message gives the reason and a remedy.
    ValueError
        If its dimension names or sizes are unknown.
    """
    # By module name, so that libraries that are not in use are not imported.
    for kind in type(image).__mro__:
        library = kind.__module__.partition(".")[0]
        if library == "xarray":
            from .xarray_input import of_xarray

            return of_xarray(image, axes, understand)
        if library in CONVERTERS:
            return CONVERTERS[library](image)
    if isinstance(image, np.ndarray):
        return _of_numpy(image)
    if isinstance(image, (str, bytes, PathLike)):
        raise TypeError(
            f"{str(image)!r} is a path, not an image; napari_srgan.read(path) gives the images of "
            "a file, `napari-srgan upscale` makes a file of it"
        )
    if hasattr(image, "nnz") and hasattr(image, "toarray"):
        raise TypeError(f"a sparse array ({type_name(image)}); pass image.toarray()")
    if hasattr(image, "__array_namespace__") or hasattr(image, "__dlpack__"):
        return _of_array_api(image)
    if hasattr(image, "shape") and hasattr(image, "dtype") and hasattr(image, "__getitem__"):
        try:
            np.dtype(image.dtype)
        except TypeError:
            return ArrayInput(_to_numpy(image))
        return ArrayInput(image)
    return ArrayInput(_to_numpy(image))


def type_name(image: Any) -> str:
    """Return the qualified name of an image's type, such as ``torch.Tensor``."""
    library, name = type(image).__module__.partition(".")[0], type(image).__qualname__
    return name if library == "builtins" else f"{library}.{name}"


def _to_numpy(image: Any) -> Any:
    """Convert a list or an array of another library with numpy."""
    try:
        array = np.asarray(image)
    except Exception as error:  # conversions of other libraries raise errors of any type
        if isinstance(error, MemoryError):
            raise
        raise TypeError(
            f"numpy makes no array of this {type_name(image)} ({' '.join(str(error).split())}); "
            "pass an array of numbers of one shape"
        ) from error
    if array.ndim == 0 and array.dtype == object:
        raise TypeError(f"a {type_name(image)} is no image; pass an array of integers or floats")
    return array


# --- numpy, dask ---------------------------------------------------------------------------------


def _of_numpy(image: Any) -> ArrayInput:
    if not isinstance(image, np.ma.MaskedArray):
        # Indexing an np.matrix always gives two dimensions.
        return ArrayInput(np.asarray(image) if isinstance(image, np.matrix) else image)
    mask = np.ma.getmask(image)
    missing = None if mask is np.ma.nomask else np.ma.getmaskarray(image)

    def back(result: Any, axes: str, scale: int) -> Any:
        finer = np.ma.nomask if missing is None else repeated(missing, axes, scale)
        return np.ma.MaskedArray(result, finer, fill_value=image.fill_value)

    return ArrayInput(np.ma.getdata(image), missing=missing, back=back)


def _of_dask(image: Any) -> ArrayInput:
    import dask.array as da

    if not isinstance(image, da.Array):
        raise TypeError(
            f"a {type_name(image)} is no array; make one of it, e.g. by dask.array.from_delayed"
        )
    if any(math.isnan(n) for n in image.shape):
        raise ValueError(
            f"a dask array of unknown chunk sizes, shape {image.shape}; call its "
            ".compute_chunk_sizes() first, which computes it once"
        )
    if type(image._meta).__module__.partition(".")[0] == "cupy":
        return ArrayInput(da.map_blocks(lambda block: block.get(), image, dtype=image.dtype))
    if not isinstance(image._meta, np.ma.MaskedArray):
        return ArrayInput(image)
    missing = da.ma.getmaskarray(image)

    def back(result: Any, axes: str, scale: int) -> Any:
        return da.ma.masked_array(result, repeated(missing, axes, scale).rechunk(result.chunks))

    return ArrayInput(da.ma.getdata(image), missing=missing, back=back)


# --- PyTorch, CuPy, the array API ----------------------------------------------------------------


def _of_torch(image: Any) -> ArrayInput:
    """Convert a tensor; the result is a tensor of the same dtype on the same device."""
    import torch

    if not isinstance(image, torch.Tensor):
        raise TypeError(f"a {type_name(image)} is no image; pass a tensor of integers or floats")
    if image.layout != torch.strided:
        raise TypeError(f"a sparse tensor ({image.layout}); pass image.to_dense()")
    if image.is_quantized:
        raise TypeError(f"a quantized tensor ({image.dtype}); pass image.dequantize()")
    if image.device.type == "meta":
        raise TypeError("a tensor on the device 'meta' has no values; pass one that has")
    dtype, device = image.dtype, image.device
    here = image.detach().cpu().resolve_conj().resolve_neg()
    if dtype.is_floating_point and dtype not in (torch.float16, torch.float32, torch.float64):
        here = here.float()  # numpy has no bfloat16

    def back(result: Any, axes: str, scale: int) -> Any:
        return torch.from_numpy(result).to(device, dtype)

    return ArrayInput(here.numpy(), back=back)


def _of_cupy(image: Any) -> ArrayInput:
    """Convert a CuPy array; the result is a CuPy array."""

    def back(result: Any, axes: str, scale: int) -> Any:
        import cupy

        return cupy.asarray(result)

    if not hasattr(image, "get"):
        raise TypeError(f"a {type_name(image)} is no image; pass a cupy.ndarray")
    return ArrayInput(image.get(), back=back)


def _of_array_api(image: Any) -> ArrayInput:
    """Convert an array of the array API; the result belongs to the same library."""
    try:
        values = np.from_dlpack(image)
    except Exception:  # on a GPU, of a dtype that DLPack lacks, or for reasons of the library
        values = _to_numpy(image)
    if not hasattr(image, "__array_namespace__"):
        return ArrayInput(values)
    namespace, device = image.__array_namespace__(), getattr(image, "device", None)

    def back(result: Any, axes: str, scale: int) -> Any:
        return namespace.asarray(result, device=device)

    return ArrayInput(values, back=back)


# --- others --------------------------------------------------------------------------------------


def _of_quantity(image: Any) -> ArrayInput:
    """Convert a quantity of pint or astropy; the result has the same unit."""
    of_pint = hasattr(image, "magnitude")
    inner = understand(image.magnitude if of_pint else image.value)
    unit = image.units if of_pint else image.unit

    def back(result: Any, axes: str, scale: int) -> Any:
        return type(image)(inner.back(result, axes, scale), unit)

    return replace(inner, back=back)


def _of_layer(image: Any) -> ArrayInput:
    raise TypeError(
        f"a {type_name(image)} is no array; use napari_srgan.super_resolve_layer(layer), or "
        "layer.data"
    )


INTENSITY_MODES = {"L": "YX", "I": "YX", "F": "YX", "I;16": "YX", "RGB": "YXS", "RGBA": "YXS"}
"""Pillow modes whose values are intensities, with their axes"""


def _of_pillow(image: Any) -> ArrayInput:
    mode = getattr(image, "mode", None)
    if mode not in INTENSITY_MODES:
        better = {"1": "L", "LA": "RGBA", "La": "RGBA", "PA": "RGBA"}.get(str(mode), "RGB")
        better = "I" if str(mode).startswith("I;") else better
        raise TypeError(
            f"a Pillow image of mode {mode!r}, whose values are no intensities; allowed are "
            f"{', '.join(INTENSITY_MODES)}: pass image.convert({better!r})"
        )
    return ArrayInput(_to_numpy(image), INTENSITY_MODES[mode])


class TensorStoreArray:
    """Wrapper that reads numpy arrays from a tensorstore."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.shape = tuple(int(n) for n in store.shape)
        self.dtype = np.dtype(store.dtype.numpy_dtype)
        self.ndim = len(self.shape)

    def __getitem__(self, index: Any) -> Any:
        return np.asarray(self.store[index].read().result())


CONVERTERS: dict[str, Callable[[Any], ArrayInput]] = {
    "torch": _of_torch,
    "cupy": _of_cupy,
    "dask": _of_dask,
    "PIL": _of_pillow,
    "tensorstore": lambda image: ArrayInput(TensorStoreArray(image)),
    "pint": _of_quantity,
    "astropy": _of_quantity,
    "napari": _of_layer,
}
"""converters by name of the library"""
