"""Read the voxels of a NIfTI file, at once or lazily in slabs."""

from __future__ import annotations

import gzip
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ..guard import check_claim, reading
from ..signatures import head_of, is_gzip, nifti_version

__all__ = ["Voxels", "open_nifti"]

SLAB = 2**25
"""bytes read at a time"""


def open_nifti(nib: Any, path: Path) -> Any:
    """Return nibabel's image of a file, whose voxels are not read.

    nibabel knows a file by its name; a single file under another name is opened by its content.
    """
    head = head_of(path)
    version, name = nifti_version(head), path.name.lower()
    end = ".gz" if is_gzip(head) else ""
    if not version or name.endswith(tuple(known + end for known in (".nii", ".hdr", ".img"))):
        return nib.load(path)
    kind = nib.Nifti1Image if version == 1 else nib.Nifti2Image
    with _opened(path) as file:
        return kind.from_file_map({"image": nib.FileHolder(fileobj=file)})


class Voxels:
    """Array of the voxels of a file in file order ``(x, y, z, t, u)``, for dask.

    Missing dimensions have a length of 1; colour samples are a sixth dimension.

    Raises
    ------
    ValueError
        If the header does not describe an image, or claims more than the file can hold.
    """

    def __init__(self, path: Path, image: Any) -> None:
        header = image.header
        shape = tuple(int(n) for n in header.get_data_shape())
        if not shape or min(shape) < 1:
            raise ValueError(f"its shape is {shape}")
        if any(n > 1 for n in shape[5:]):
            raise ValueError(f"it has more than five dimensions, {shape}")
        stored = header.get_data_dtype()
        self.samples = len(stored.names or ())
        if stored.kind not in "iuf" and not self.samples:
            raise ValueError(f"its voxels are {stored}; save their magnitude in a file of its own")
        self.path = Path(image.file_map["image"].filename or path)
        self.compressed = is_gzip(head_of(self.path))
        self.named = self.compressed == (self.path.suffix.lower() == ".gz")
        self.stored, self.offset = stored, int(image.dataobj.offset)
        if self.offset < 0:
            raise ValueError(f"its voxels begin at byte {self.offset}")
        claimed = math.prod(shape) * stored.itemsize
        check_claim(self.path, claimed, self.compressed, 0 if self.compressed else self.offset)

        self.slope, self.inter = float(image.dataobj.slope), float(image.dataobj.inter)
        self.scaled = (self.slope, self.inter) != (1.0, 0.0) and not self.samples
        self.dtype: np.dtype[Any]
        if self.samples:
            self.dtype = np.dtype(np.uint8)
        elif self.scaled:
            self.dtype = np.dtype(np.float32)
        elif stored.itemsize > 8:
            self.dtype = np.dtype(np.float64)
        else:
            self.dtype = stored.newbyteorder("=")
        self.grid = (*shape, 1, 1, 1, 1)[:5]
        self.shape = self.grid + ((self.samples,) if self.samples else ())
        self.ndim = len(self.shape)
        self.nbytes = math.prod(self.shape) * self.dtype.itemsize
        self._proxy: Any = None

    def values(self, raw: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Convert stored voxels to intensities, with colour samples as the last axis."""
        if self.samples:
            return np.ascontiguousarray(raw).view(np.uint8).reshape(*raw.shape, self.samples)
        if self.scaled:
            with np.errstate(all="ignore"):
                return (raw.astype(np.float64) * self.slope + self.inter).astype(np.float32)
        return raw.astype(self.dtype)

    def whole(self, place: npt.NDArray[Any]) -> None:
        """Read all voxels in one pass into an array of the shape ``shape``."""
        for part, values in self._slabs():
            place[part] = values

    def lazy(self) -> Any:
        """Return the voxels as a dask array, whose chunks are slabs of the file."""
        import dask.array as da

        chunks = (*self.grid[:2], self._step(), 1, 1, *self.shape[5:])
        meta = np.empty((0,) * self.ndim, self.dtype)
        return da.from_array(self, chunks=chunks, name=False, asarray=False, fancy=False, meta=meta)

    def __getitem__(self, key: tuple[slice | int, ...]) -> npt.NDArray[Any]:
        with reading(self.path):
            if not self.named:  # nibabel would not know whether the file is compressed
                with _opened(self.path) as file:
                    values = self.values(np.asarray(self._stored_in(file)[key[:5]]))
            else:
                if self._proxy is None:
                    # An open compressed file continues decompression after the last slab.
                    self._proxy = self._stored_in(str(self.path))
                values = self.values(np.asarray(self._proxy[key[:5]]))
        return values[..., key[5]] if self.samples else values

    def _stored_in(self, file: Any) -> Any:
        import nibabel

        form = (self.grid, self.stored, self.offset, 1.0, 0.0)
        return nibabel.arrayproxy.ArrayProxy(  # type: ignore[no-untyped-call]
            file, form, mmap=False, keep_file_open=True
        )

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_proxy": None}

    def _step(self) -> int:
        """Return the number of slices per slab."""
        plane = self.grid[0] * self.grid[1] * int(self.stored.itemsize)
        return max(1, min(self.grid[2], SLAB // plane))

    def _slabs(self) -> Iterator[tuple[tuple[Any, ...], npt.NDArray[Any]]]:
        slices, times, components = self.grid[2:]
        step = self._step()
        with self.path.open("rb") as plain:
            file: Any = gzip.GzipFile(fileobj=plain) if self.compressed else plain
            file.seek(self.offset)
            for u, t, z in itertools.product(
                range(components), range(times), range(0, slices, step)
            ):
                stop = min(z + step, slices)
                shape = (*self.grid[:2], stop - z)
                raw = _exactly(file, math.prod(shape) * self.stored.itemsize)
                voxels = np.frombuffer(raw, self.stored).reshape(shape, order="F")
                yield (slice(None), slice(None), slice(z, stop), t, u), self.values(voxels)
            if self.compressed:
                # Reading to the end verifies the checksum, which detects damaged voxels.
                file.read(2**20)


def _opened(path: Path) -> Any:
    """Open a file for reading, decompressed."""
    return gzip.open(path) if is_gzip(head_of(path)) else path.open("rb")


def _exactly(file: IO[bytes], count: int) -> bytearray:
    """Read exactly ``count`` bytes; memory grows only with the bytes that the file has."""
    content = bytearray()
    while len(content) < count:
        block = file.read(min(count - len(content), 2**22))
        if not block:
            raise ValueError(f"the file ends early: {count - len(content)} bytes are missing")
        content += block
    return content
