"""A list to choose one object from, whatever the objects are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox
from qtpy.QtCore import QSignalBlocker

Entry = tuple[str, Any]
"""a text and what it stands for"""


class ObjectChoice(ComboBox):
    """A combo box that keeps the chosen object when the texts or their order change.

    magicgui's own finds its entries by their texts: one whose text changes is taken for another,
    and of two with the same text only one is there.

    Attributes
    ----------
    changed
        Emitted with the object when another one is chosen, by a person or because the one before
        is no longer offered; not when it is only renamed or moved.
    """

    offer: Callable[[Any], Iterable[Entry]] | None = None
    """returns what there is to choose from"""

    def __init__(self, choices: Any = (), *, tooltip: str = "") -> None:
        super().__init__(tooltip=tooltip)
        self.choices = choices

    @property
    def choices(self) -> tuple[Any, ...]:
        """The objects that are offered; set as `Entry` or as a function that returns them."""
        return tuple(value for _, value in self.entries)

    @choices.setter
    def choices(self, choices: Any) -> None:
        self.offer = choices if callable(choices) else lambda _: choices
        self.reset_choices()

    @property
    def entries(self) -> list[Entry]:
        """Texts and objects as they are shown."""
        combo = self.native
        return [(combo.itemText(i), combo.itemData(i)) for i in range(combo.count())]

    def reset_choices(self, *_: Any) -> None:
        """Ask anew what there is to choose from, and keep what is chosen."""
        if self.offer is None:
            return
        combo, kept, entries = self.native, self.value, list(self.offer(self))
        there = _place(kept, entries)
        with QSignalBlocker(combo):
            combo.clear()
            for text, value in entries:
                combo.addItem(text, value)
            if entries:
                combo.setCurrentIndex(self.fallback(kept, entries) if there is None else there)
        if there is None and not (kept is None and not entries):
            self.changed.emit(self.value)

    def renew(self) -> None:
        """Do as `reset_choices`, without a signal."""
        with self.changed.blocked():
            self.reset_choices()

    def fallback(self, kept: Any, entries: Sequence[Entry]) -> int:
        """Return the place of the entry that is taken where the chosen one is gone."""
        return 0


def _place(wanted: Any, entries: Sequence[Entry]) -> int | None:
    """Return the place of an object among the entries."""
    for i, (_, value) in enumerate(entries):
        if value is wanted or (type(value) is type(wanted) and value == wanted):
            return i
    return None


def file_texts(files: Sequence[Path]) -> list[str]:
    """Return the files' names, with as many folders before them as tell them apart."""

    def text(path: Path) -> str:
        for length in range(1, len(path.parts)):
            end = path.parts[-length:]
            if not any(other != path and other.parts[-length:] == end for other in files):
                return "/".join(end)
        return str(path)

    return [text(path) for path in files]
