"""Super-resolve arrays: ``super_resolve``."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import numpy as np
import numpy.typing as npt

from .arrays import understand
from .engine.axes import guess_axes, parse_axes
from .engine.intensity import Normalise, check_dtype
from .engine.missing import Nodata
from .engine.plan import Plan
from .engine.planning import plan_steps
from .engine.progress import Progress, finish
from .engine.run import Run
from .engine.source import read_once
from .engine.tiles import Span
from .models import Model
from .models.registry import shared_model
from .options import Options, choose_model
from .result_storage import allocate

if TYPE_CHECKING:
    import dask.array as da


T = TypeVar("T")


def super_resolve(
    image: Any,
    model: str | Path | Model = "auto",
    *,
    axes: str | None = None,
    detail: float | None = None,
    consistency: int = 0,
    normalise: Normalise = "auto",
    volume: Literal["slices"] = "slices",
    device: str = "auto",
    precision: str = "auto",
    tile: str | int = "auto",
    nodata: Nodata = "auto",
    progress: bool = False,
) -> Any:
    """Super-resolve an array along Y and X.

    Parameters
    ----------
    image
        Integers or floats with at least two axes: an array of numpy, PyTorch, CuPy or the array
        API, or an object that numpy converts to an array; a dask, zarr or tensorstore array, which
        is read tile by tile; or an ``xarray.DataArray`` of any of these. Masked values are missing.
    model
        A name from `list_models`, the path of a model file, a `Model`, or ``auto``: RGB images use
        ``general-x4``, all others ``gray-x4`` channel by channel. A model of three channels
        processes each channel separately if the image does not have three.
    axes
        One letter per dimension: T time, C channel, Z depth, Y rows, X columns, S samples of RGB
        or RGBA (last). None guesses from the shape: ``YX``, ``YXS`` with 3 or 4 samples, Z before
        them (C if it has at most 5 planes), then T, then C. For a DataArray, None uses the names of
        its dimensions (``y``, ``lat``, ``row``, ``band``, ``time``, …).
    detail
        Position between the two ends of a model: 0 fidelity, 1 adversarial, which invents texture.
        None: the fidelity end, or the only one.
    consistency
        Number of back-projection steps, which make the downsampled result equal to the image
        (Irani and Peleg 1991). One to three are enough.
    normalise
        Image values that map to 0 and 1 in the model: ``auto`` takes the whole range of 8-bit
        integers, else the 0.1 and 99.9 percentiles of each channel without hot pixels, and a
        second exposure if most of the image is much dimmer than a bright part; ``none`` keeps the
        values; or ``(low, high)``. The map is inverted exactly. Values far outside the range are
        interpolated instead of passing through the network.
    volume
        ``slices``: each YX plane is processed separately; the sampling of Z and T does not change.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    precision
        ``auto``, ``float32``, ``bfloat16`` or ``float16``.
    tile
        Side of a tile in image pixels, or ``auto``. The result does not depend on it.
    nodata
        Value of missing pixels. Like NaN and infinities, it does not enter the network and stays
        in the result at the same places; other results never equal it. With an axis S, a pixel is
        missing if R, G and B all have it, and a sample of a result may equal it where that sample
        of the image does. ``auto`` takes it from the attributes of a DataArray
        (``_FillValue``, ``nodata``), or detects a fill value such as −9999: the smallest or
        largest value, exactly repeated and far from all others. None: no such value.
    progress
        Whether to show a progress bar.

    Returns
    -------
    array
        Array of the image's dtype, with Y and X longer by the scale of the model and all other
        axes unchanged. The outer edges of the first and last pixels coincide with those of the
        image. The type follows the image: numpy for numpy, a lazy dask array for images read tile
        by tile, a tensor or an array of CuPy or the array API on the same device, a masked array
        with the upsampled mask, or a DataArray with the same dimensions, name and attributes and
        with finer coordinates.

    Raises
    ------
    TypeError
        If the image is boolean or complex, or not a readable array of numbers.
    ValueError
        If the image has dimensions of unknown names or sizes, if an option is out of range, or if
        the channels of the image do not fit the model.
    ModelError
        If the model cannot be used.
    MemoryError
        If the result does not fit into memory.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_srgan as ns
    >>> image = np.random.default_rng(0).integers(0, 256, (24, 32), dtype="uint8")
    >>> result = ns.super_resolve(image, "fast-x2")
    >>> result.shape, result.dtype
    ((48, 64), dtype('uint8'))
    """
    given = understand(image, axes)
    axes = given.axes if axes is None else axes
    if nodata == "auto" and given.nodata is not None:
        nodata = given.nodata
    options = Options(axes, detail, consistency, normalise, volume, device, precision, tile, nodata)
    source = read_once(given.data)
    plan = drive(plan_stages(source, model, options, missing=given.missing), bar=progress)
    lazy = given.lazy
    result = super_resolve_lazily(plan, source) if lazy else compute_now(plan, source, bar=progress)
    return given.back(result, plan.layout.axes, plan.scale)


def compute_now(plan: Plan, image: Any, *, bar: bool = False) -> npt.NDArray[Any]:
    """Execute a plan into an array in memory.

    Raises
    ------
    MemoryError
        If the result does not fit in memory.
    """
    out = allocate(plan)
    drive(Run(plan, image).into(out), bar=bar)
    return out


def plan_for(image: Any, model: str | Path | Model, options: Options, **more: Any) -> Plan:
    """Run `plan_stages` to its end and return the plan."""
    return finish(plan_stages(image, model, options, **more))


def plan_stages(
    image: Any,
    model: str | Path | Model,
    options: Options,
    *,
    spans: Sequence[Span] | None = None,
    missing: Any | None = None,
    look: bool = True,
    limited: bool = True,
) -> Generator[Progress, None, Plan]:
    """Validate image and options, load the model, and plan the run.

    ``spans``, ``missing``, ``look`` and ``limited`` are those of `plan_steps`. Yields the progress
    of reading samples.
    """
    check_dtype(np.dtype(image.dtype))
    if options.volume != "slices":
        raise ValueError(f"volume={options.volume!r}; allowed is 'slices'")
    axes = options.axes
    axes = guess_axes(image.shape) if axes is None else parse_axes(axes, image.shape)
    if not isinstance(model, Model):
        name = choose_model(rgb="S" in axes) if model == "auto" else model
        model = shared_model(name, detail=options.detail)
    elif options.detail not in (None, model.detail):
        raise ValueError(
            f"detail={options.detail} with a loaded model, whose detail is {model.detail:g}; "
            "choose it in load_model(name, detail=...)"
        )
    return (
        yield from plan_steps(
            image,
            model,
            axes=axes,
            consistency=options.consistency,
            normalise=options.normalise,
            nodata=options.nodata,
            device=options.device,
            precision=options.precision,
            tile=options.tile,
            spans=spans,
            missing=missing,
            look=look,
            limited=limited,
        )
    )


def drive(steps: Generator[Progress, None, T], *, bar: bool = False) -> T:
    """Run a generator of progress to its end and return its value.

    With ``bar``, progress and remaining time are shown on the terminal. Notes become warnings.
    """
    from rich.progress import Progress as Bar

    with Bar(transient=True, disable=not bar) as shown:
        task = shown.add_task("Super-resolving", total=1.0)
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return cast("T", end.value)
            if step.note:
                warnings.warn(step.note, RuntimeWarning, stacklevel=3)
            text = f"Super-resolving, tile {step.tiles} of {step.total}"
            if step.stage == "reading":
                text = "Reading"
            shown.update(task, completed=step.done, description=text)


def super_resolve_lazily(plan: Plan, image: Any) -> da.Array:
    """Return the result as a lazy dask array with one chunk for each tile.

    Chunks are computed one at a time, since each uses the whole device.
    """
    import dask.array as da

    layout, scale = plan.layout, plan.scale
    lock = threading.Lock()
    latest: list[Run] = []
    rows, columns = ([core for core, _ in s] for s in (plan.tiles.rows, plan.tiles.columns))
    chunks = tuple(
        tuple(scale * (last - first) for first, last in {layout.y: rows, layout.x: columns}[axis])
        if axis in (layout.y, layout.x)
        else ((n,) if axis == layout.channel_axis or layout.axes[axis] == "S" else (1,) * n)
        for axis, n in enumerate(layout.shape)
    )

    def compute(block_info: Any = None) -> npt.NDArray[Any]:
        place = block_info[None]["array-location"]
        spans = [
            (first // factor, last // factor)
            for factor, (first, last) in zip(plan.factors, place, strict=True)
        ]
        block = np.empty(block_info[None]["chunk-shape"], plan.dtype)
        with lock:
            # Reuse a plan that was changed after running out of memory or losing the GPU.
            before = latest.pop() if latest else Run(plan, image)
            latest.append(Run(before.plan.part(spans), image, before.runner))
            drive(latest[0].into(block))
        return block

    result: da.Array = da.map_blocks(
        compute, chunks=chunks, dtype=plan.dtype, meta=np.empty(0, plan.dtype)
    )
    return result
