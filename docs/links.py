"""Checks the links between files of the repository, without the network.

``mkdocs build --strict`` checks those between pages of the site. This checks the others: relative
links of the files that GitHub shows, and links to this repository's own files on GitHub.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "training/README.md")
LINK = re.compile(r"!?\[[^\]]*\]\(\s*([^)\s]+)\s*\)")
OWN = re.compile(
    r"https://(?:github\.com/napari-srgan/napari-srgan/(?:blob|tree)/main"
    r"|raw\.githubusercontent\.com/napari-srgan/napari-srgan/main)/(.*)"
    r"|https://github\.com/napari-srgan/napari-srgan(#.*)"
)
HEADING = re.compile(r"^#+ +(.*)$", re.M)
CODE = re.compile(r"^```.*?^```$", re.M | re.S)


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    titles = HEADING.findall(CODE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken(page: Path) -> Iterator[str]:
    """Yield what is wrong with the links of a page."""
    in_site, name = page.is_relative_to(ROOT / "docs"), os.path.relpath(page, ROOT)
    for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if own := OWN.fullmatch(link):
            target = ROOT / (own[1] or f"README.md{own[2]}")
        elif in_site or "://" in link or link.startswith("mailto:"):
            continue
        else:
            target = page.parent / link if link[0] != "#" else Path(f"{page}{link}")
        path, _, anchor = str(target).partition("#")
        if not Path(path).exists():
            yield f"{name}: {link}: there is no such file"
        elif anchor and path.endswith(".md") and anchor not in anchors(Path(path)):
            yield f"{name}: {link}: there is no such heading"


if __name__ == "__main__":
    pages = [*(ROOT / name for name in PAGES), *sorted((ROOT / "docs").rglob("*.md"))]
    found = [text for page in pages for text in broken(page)]
    print(*found or ["all links lead somewhere"], sep="\n")
    sys.exit(bool(found))
