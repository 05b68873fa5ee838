"""Meaning of array axes, as one letter for each dimension in tifffile's notation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

ALLOWED = "TCZYXS"
MEANINGS = "T time, C channel, Z depth, Y rows, X columns, S samples of RGB or RGBA"
FEW = 5
"""largest length of a leading axis that is guessed to be channels; a longer one is depth"""
COLOURS = 3
"""channels of an RGB model, which can also process grey images"""


def parse_axes(axes: str, shape: Sequence[int]) -> str:
    """Validate axis letters against a shape and return them in capitals.

    Raises
    ------
    ValueError
        If a letter is unknown, repeated or missing, if the number of letters differs from the
        number of dimensions, or if S is not last or does not have 3 or 4 samples.
    """
    letters = axes.upper().replace(" ", "")
    if len(letters) != len(shape):
        raise ValueError(
            f"axes={axes!r} names {len(letters)} axes, but the image has {len(shape)}: "
            f"shape {tuple(shape)}"
        )
    if wrong := sorted(set(letters) - set(ALLOWED)):
        raise ValueError(f"axes={axes!r} has {wrong}; allowed are {MEANINGS}")
    if len(set(letters)) < len(letters):
        raise ValueError(f"axes={axes!r} names an axis twice")
    if not {"Y", "X"} <= set(letters):
        raise ValueError(f"axes={axes!r} must name both Y and X")
    if "S" in letters and (letters[-1] != "S" or shape[-1] not in (3, 4)):
        raise ValueError(
            f"axes={axes!r} with shape {tuple(shape)}: S must be the last axis and have 3 (RGB) "
            "or 4 (RGBA) samples"
        )
    return letters


def guess_axes(shape: Sequence[int], *, rgb: bool | None = None) -> str:
    """Guess the axes of an array from its shape.

    A last axis of length 3 or 4 after two longer ones is RGB(A) unless ``rgb`` is given. The axes
    before Y and X are, from right to left, Z (C if it has at most five planes), T and C.

    Raises
    ------
    ValueError
        If there are fewer than two dimensions, or more than there are letters.
    """
    dims = len(shape)
    if rgb is None:
        rgb = dims >= 3 and shape[-1] in (3, 4) and min(shape[-3:-1]) > 4
    planes = dims - rgb
    if planes < 2:
        raise ValueError(f"an image needs two axes or more, this one has shape {tuple(shape)}")
    leading = list(shape[: planes - 2])
    letters = "S" if rgb else ""
    free = list("ZTC")
    if len(leading) > len(free):
        raise ValueError(
            f"shape {tuple(shape)} has {len(leading)} axes before Y and X, more than T, C and Z; "
            "take a slice of it first"
        )
    if not rgb and len(leading) == 1 and leading[0] <= FEW:
        free = ["C"]
    return "".join(reversed(free[: len(leading)])) + "YX" + letters


def complete_labels(labels: Sequence[str], shape: Sequence[int], *, rgb: bool) -> str | None:
    """Convert a layer's axis labels to axis letters; None if they do not name the axes.

    ``labels`` do not include the samples of an RGB layer, as in napari.
    """
    names = {"time": "T", "channel": "C", "depth": "Z", "row": "Y", "column": "X"}
    letters = "".join(names.get(n.lower(), n.upper()) for n in map(str, labels)) + "S" * rgb
    try:
        return parse_axes(letters, shape)
    except ValueError:
        return None


@dataclass(frozen=True)
class Layout:
    """Split of an array with named axes into 2D planes of one or several channels."""

    axes: str
    shape: tuple[int, ...]
    channel_axis: int | None
    """axis whose entries go through the network together; None if each plane goes alone"""
    colours: int
    """entries of the channel axis that go through the network; alpha is not one of them"""

    @property
    def y(self) -> int:
        """Index of the Y axis."""
        return self.axes.index("Y")

    @property
    def x(self) -> int:
        """Index of the X axis."""
        return self.axes.index("X")

    @property
    def plane(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return self.shape[self.y], self.shape[self.x]

    @property
    def alpha(self) -> bool:
        """Whether the last sample is alpha, which is interpolated instead of super-resolved."""
        return self.axes[-1] == "S" and self.shape[-1] == 4

    @property
    def loop_axes(self) -> tuple[int, ...]:
        """Axes that are iterated over plane by plane."""
        fixed = {self.y, self.x, self.channel_axis}
        return tuple(i for i in range(len(self.axes)) if i not in fixed)

    def planes(self) -> list[tuple[int, ...]]:
        """Return the indices along the loop axes of all planes that go through the network."""
        sizes = [3 if self.axes[i] == "S" and self.alpha else self.shape[i] for i in self.loop_axes]
        return list(product(*(range(n) for n in sizes)))

    def index(self, plane: tuple[int, ...], rows: slice, columns: slice) -> tuple[int | slice, ...]:
        """Return the index into the whole array of a region of a plane."""
        index: list[int | slice] = [slice(None)] * len(self.axes)
        for axis, at in zip(self.loop_axes, plane, strict=True):
            index[axis] = at
        index[self.y], index[self.x] = rows, columns
        if self.channel_axis is not None:
            index[self.channel_axis] = slice(0, self.colours)
        return tuple(index)

    def order(self) -> tuple[int, ...]:
        """Return the permutation of axes from a result of `index` to (C, Y, X) or (Y, X)."""
        kept = sorted(a for a in (self.y, self.x, self.channel_axis) if a is not None)
        wanted = [self.y, self.x]
        if self.channel_axis is not None:
            wanted.insert(0, self.channel_axis)
        return tuple(kept.index(a) for a in wanted)

    def channel_of(self, plane: tuple[int, ...]) -> int:
        """Return the entry of the intensity map for a plane: its index along C, else 0."""
        for axis, at in zip(self.loop_axes, plane, strict=True):
            if self.axes[axis] == "C":
                return at
        return 0


def make_layout(axes: str, shape: Sequence[int], channels: int) -> Layout:
    """Choose how planes of ``shape`` go through a model of ``channels`` channels.

    A model of one channel processes each channel and each sample separately. A model of several
    channels processes all channels (or R, G and B) together. A model of `COLOURS` channels
    processes the channels of an image with a different number of them separately.

    Raises
    ------
    ValueError
        If the channels of the image do not fit those of the model, or an axis is empty.
    """
    shape = tuple(shape)
    if empty := [f"{a}={n}" for a, n in zip(axes, shape, strict=True) if n == 0]:
        raise ValueError(f"the image is empty: {', '.join(empty)} (axes {axes}, shape {shape})")
    for letter in "SC" if channels > 1 else "":
        if letter in axes:
            axis = axes.index(letter)
            found = COLOURS if letter == "S" else shape[axis]
            if found == channels:
                return Layout(axes, shape, axis, channels)
    if channels in (1, COLOURS):
        return Layout(axes, shape, None, 1)
    have = {a: shape[axes.index(a)] for a in "SC" if a in axes}
    given = ", ".join(f"{a} has {n}" for a, n in have.items()) or "it has a single channel"
    raise ValueError(
        f"the model takes {channels} channels at once, which this image does not have: {given} "
        f"(axes {axes}, shape {shape}). A model of 1 channel takes each on its own, e.g. 'gray-x4'"
    )
