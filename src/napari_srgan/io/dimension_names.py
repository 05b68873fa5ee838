"""Map dimension names, as in xarray and Zarr, to axis letters."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["COLOURS", "NAMES", "letters_of"]

NAMES = {
    "T": "t time times date frame frames timepoint",
    "C": "c ch channel channels band bands wavelength wavelengths wl",
    "Z": "z depth level lev plane planes slice slices altitude height",
    "Y": "y row rows line lines lat latitude northing rlat nlat ny yc j south_north",
    "X": "x col cols column columns lon long longitude easting width rlon nlon nx xc i west_east",
    "S": "s rgb rgba samples colour color colours colors",
}
"""dimension names in lower case by axis letter"""
LETTERS = {name: letter for letter, names in NAMES.items() for name in names.split()}
COLOURS = (
    ("r", "g", "b"),
    ("r", "g", "b", "a"),
    ("red", "green", "blue"),
    ("red", "green", "blue", "alpha"),
)
"""entry names along an axis of RGB or RGBA samples"""


def letters_of(names: Sequence[object], shape: Sequence[int]) -> str:
    """Return an axis letter for each dimension name.

    Only colour names become S; an axis of bands is C, regardless of its length.

    Raises
    ------
    ValueError
        If a name is unknown, two names have the same meaning, or Y or X is missing.
    """
    known = [str(name).lower() for name in names]
    letters = [LETTERS.get(name, "") for name in known]
    if "width" in known and "height" in known:
        letters[known.index("height")] = "Y"
    for place, letter in enumerate(letters):
        if letter == "S" and (place + 1 < len(letters) or shape[place] not in (3, 4)):
            letters[place] = "C"
    given = f"the dimensions are called {', '.join(repr(str(name)) for name in names)}"
    if unknown := [str(name) for name, letter in zip(names, letters, strict=True) if not letter]:
        raise ValueError(f"{given}; what {unknown[0]!r} is, is not known")
    for letter in letters:
        if letters.count(letter) > 1:
            raise ValueError(f"{given}; two of them mean {letter}")
    for letter in "YX":
        if letter not in letters:
            raise ValueError(f"{given}; none of them means {letter}")
    return "".join(letters)
