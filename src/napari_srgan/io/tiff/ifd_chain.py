"""Check the linked list of image file directories (IFDs) of a TIFF."""

from __future__ import annotations

import mmap
from struct import error, unpack_from
from typing import Any

__all__ = ["check_chain"]

MOST_TAGS = 4096
"""maximal number of tags in an IFD; tifffile treats an IFD that claims more as damaged"""


def check_chain(tiff: Any) -> None:
    """Refuse a cyclic list of IFDs, which tifffile would follow forever.

    Raises
    ------
    ValueError
        If the list is cyclic.
    """
    form, file = tiff.tiff, tiff.filehandle
    at, seen = int(tiff.pages.first.offset), set[int]()
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        while 0 < at < len(content):
            if at in seen:
                raise ValueError(f"after page {len(seen)}, its pages begin anew")
            seen.add(at)
            try:
                (count,) = unpack_from(form.tagnoformat, content, at)
                if count > MOST_TAGS:
                    return
                after = at + form.tagnosize + count * form.tagsize
                (at,) = unpack_from(form.offsetformat, content, after)
            except error:
                return  # truncated file
