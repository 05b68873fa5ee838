"""The chain of directories in a TIFF, each of which says where the next one is."""

from __future__ import annotations

import mmap
from struct import error, unpack_from
from typing import Any

__all__ = ["check_chain"]

MOST_TAGS = 4096
"""of one directory; tifffile takes one that claims more for a broken one"""


def check_chain(tiff: Any) -> None:
    """Refuse a chain that leads back into itself, which tifffile would follow for ever.

    Raises
    ------
    ValueError
        If it does.
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
                return  # the file ends there
