"""Which axis of an array is which: tifffile's letters, one per dimension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

ALLOWED = "TCZYXS"
MEANINGS = "T time, C channel, Z depth, Y rows, X columns, S samples of RGB or RGBA"
FEW = 5
"""a first axis of at most this many planes is taken for channels, a longer one for depth"""
COLOURS = 3
"""channels of a model of colour images, R, G and B: one that knows what grey is"""


def parse_axes(axes: str, shape: Sequence[int]) -> str:
    """Check a string of axis letters against a shape and return it in capitals.

    Raises
    ------
    ValueError
        If a letter is unknown, repeated or missing, if the number of letters is not that of the
        dimensions, or if S is not last or has other than 3 or 4 samples.
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

    A last axis of 3 or 4 behind two longer ones is RGB(A) unless ``rgb`` says otherwise. Before
    Y and X stand, from the right, Z (or C where the axis has at most five planes), T and C.

    Raises
    ------
    ValueError
        If there are fewer than two dimensions or more than letters.
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
    """Turn a layer's axis labels into letters, or None where they do not name the axes.

    ``labels`` leave out the samples of an RGB layer, as napari does.
    """
    names = {"time": "T", "channel": "C", "depth": "Z", "row": "Y", "column": "X"}
    letters = "".join(names.get(n.lower(), n.upper()) for n in map(str, labels)) + "S" * rgb
    try:
        return parse_axes(letters, shape)
    except ValueError:
        return None


@dataclass(frozen=True)
class Layout:
    """How an array of named axes is taken apart into 2D planes of ``channels`` channels."""

    axes: str
    shape: tuple[int, ...]
    channel_axis: int | None
    """axis whose entries go through the network together; None: each plane alone"""
    colours: int
    """entries of the channel axis that go through the network (an alpha is not among them)"""

    @property
    def y(self) -> int:
        """Place of the axis of rows."""
        return self.axes.index("Y")

    @property
    def x(self) -> int:
        """Place of the axis of columns."""
        return self.axes.index("X")

    @property
    def plane(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.shape[self.y], self.shape[self.x]

    @property
    def alpha(self) -> bool:
        """Whether the samples end with an alpha, which is resampled and not super-resolved."""
        return self.axes[-1] == "S" and self.shape[-1] == 4

    @property
    def loop_axes(self) -> tuple[int, ...]:
        """Axes that are gone through plane by plane."""
        fixed = {self.y, self.x, self.channel_axis}
        return tuple(i for i in range(len(self.axes)) if i not in fixed)

    def planes(self) -> list[tuple[int, ...]]:
        """Index along the loop axes of every plane that goes through the network."""
        sizes = [3 if self.axes[i] == "S" and self.alpha else self.shape[i] for i in self.loop_axes]
        return list(product(*(range(n) for n in sizes)))

    def index(self, plane: tuple[int, ...], rows: slice, columns: slice) -> tuple[int | slice, ...]:
        """Return the index of a part of a plane in the whole array."""
        index: list[int | slice] = [slice(None)] * len(self.axes)
        for axis, at in zip(self.loop_axes, plane, strict=True):
            index[axis] = at
        index[self.y], index[self.x] = rows, columns
        if self.channel_axis is not None:
            index[self.channel_axis] = slice(0, self.colours)
        return tuple(index)

    def order(self) -> tuple[int, ...]:
        """Axes of what `index` picks, transposed to (C, Y, X) or (Y, X)."""
        kept = sorted(a for a in (self.y, self.x, self.channel_axis) if a is not None)
        wanted = [self.y, self.x]
        if self.channel_axis is not None:
            wanted.insert(0, self.channel_axis)
        return tuple(kept.index(a) for a in wanted)

    def channel_of(self, plane: tuple[int, ...]) -> int:
        """Entry of the intensity map that a plane belongs to: its index along C, else 0."""
        for axis, at in zip(self.loop_axes, plane, strict=True):
            if self.axes[axis] == "C":
                return at
        return 0


def make_layout(axes: str, shape: Sequence[int], channels: int) -> Layout:
    """Decide how planes of ``shape`` go through a model of ``channels`` channels.

    A model of one channel takes every channel and every sample on its own. A model of several
    takes all of the channels (or R, G and B) at once; one of `COLOURS` channels takes those of an
    image that has other ones on their own, too.

    Raises
    ------
    ValueError
        If the image's channels do not fit the model's.
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
