"""``super_resolve``: an array in, the array several times finer out."""

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
        Integers or floats with two axes or more: of numpy, PyTorch, CuPy, the array API or what
        numpy makes an array of; or of dask, zarr or tensorstore, which are read tile by tile; or an
        ``xarray.DataArray`` of any of them. What a masked array masks is missing.
    model
        A name of `list_models`, the path of a model file, a `Model`, or ``auto``: RGB images go
        through ``general-x4``, all others channel by channel through ``gray-x4``. A model of three
        channels takes each channel of an image that has not three on its own, too.
    axes
        One letter per dimension: T time, C channel, Z depth, Y rows, X columns, S samples of RGB
        or RGBA (last). None guesses from the shape: ``YX``, ``YXS`` with 3 or 4 samples, Z before
        them (C if it has at most 5 planes), then T, then C. A DataArray says it by the names of
        its dimensions (``y``, ``lat``, ``row``, ``band``, ``time``, …).
    detail
        0 the fidelity end of the model, 1 the adversarial one, which invents texture. None: the
        fidelity end, or the only one.
    consistency
        Steps of back-projection that make the result, reduced again, equal the image (Irani and
        Peleg 1991). One to three are enough.
    normalise
        What the model sees as 0 and 1: ``auto`` is the whole range of 8-bit integers, else the
        0.1 and 99.9 percentiles of each channel, hot pixels left out, and a second exposure where
        most of an image is dim beside a bright part; ``none`` takes values as they are; or
        ``(low, high)`` in image values. The map is inverted exactly. What lies far beyond the range
        is interpolated and never reaches the network.
    volume
        ``slices``: each YX plane on its own; Z and T keep their sampling.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    precision
        ``auto``, ``float32``, ``bfloat16`` or ``float16``.
    tile
        Side of a tile in pixels of the image, or ``auto``. The result does not depend on it.
    nodata
        A value that stands for missing data. Like NaN and infinities it does not reach the
        network and stands in the result where it stood in the image; no other result has it. With
        an axis S, where all of R, G and B have it. ``auto`` takes that of a DataArray's attributes
        (``_FillValue``, ``nodata``), or recognises a fill value such as −9999: the least or
        greatest value, exactly repeated, far from all others. None: there is none.
    progress
        Whether to show a progress bar.

    Returns
    -------
    array
        Of the image's dtype, its Y and X axes longer by the model's scale, all others as they
        were. The outer edges of the first and last pixels are those of the image. A numpy array
        for numpy, a dask array computed on demand for what is read tile by tile; a tensor, an array
        of CuPy or of the array API for such a one, on its device; a masked array for a masked one,
        with its mask; a DataArray for a DataArray, with its dimensions, name, attributes and finer
        coordinates.

    Raises
    ------
    TypeError
        If the image is boolean or complex, or no array of numbers that can be read.
    ValueError
        If the image's dimensions have names that are not known, or unknown sizes; if an option is
        out of range, or the image's channels do not fit the model's.
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
    result = lazily(plan, source) if lazy else compute_now(plan, source, bar=progress)
    return given.back(result, plan.layout.axes, plan.scale)


def compute_now(plan: Plan, image: Any, *, bar: bool = False) -> npt.NDArray[Any]:
    """Carry out a plan into an array in memory.

    Raises
    ------
    MemoryError
        If the result does not fit.
    """
    out = allocate(plan)
    drive(Run(plan, image).into(out), bar=bar)
    return out


def plan_for(image: Any, model: str | Path | Model, options: Options, **more: Any) -> Plan:
    """Return what `plan_stages` returns, at once."""
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
    """Check image and options, choose and load the model, and plan the run of a part or of all.

    ``spans``, ``missing``, ``look`` and ``limited`` are those of `plan_steps`. While the image is
    read, how much of it was read is yielded.
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
    """Run a generator of progress to its end and return what it returns.

    With ``bar``, progress and time left are shown on the terminal. What a person should know of
    is warned of.
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


def lazily(plan: Plan, image: Any) -> da.Array:
    """Return the result as a dask array with a chunk for each tile.

    Chunks are computed one at a time, since each uses all of the device.
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
            # A run that had to make do with less memory, or another device, hands that on.
            before = latest.pop() if latest else Run(plan, image)
            latest.append(Run(before.plan.part(spans), image, before.runner))
            drive(latest[0].into(block))
        return block

    result: da.Array = da.map_blocks(
        compute, chunks=chunks, dtype=plan.dtype, meta=np.empty(0, plan.dtype)
    )
    return result
