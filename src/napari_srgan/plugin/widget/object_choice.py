"""Combo box that identifies its entries by object instead of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox
from qtpy.QtCore import QSignalBlocker

Entry = tuple[str, Any]
"""displayed text and value"""


class ObjectChoice(ComboBox):
    """A combo box that keeps the chosen object when texts or their order change.

    magicgui's ComboBox identifies entries by text: it loses the value when a text changes, and
    shows only one of two entries with the same text.

    Attributes
    ----------
    changed
        Emitted with the new value when the user chooses another object or the chosen object is no
        longer offered; not when its text or position changes.
    """

    get_entries: Callable[[Any], Iterable[Entry]] | None = None
    """returns the entries"""

    def __init__(self, choices: Any = (), *, tooltip: str = "") -> None:
        super().__init__(tooltip=tooltip)
        self.choices = choices

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values; can be set to a list of `Entry` or to a function that returns one."""
        return tuple(value for _, value in self.entries)

    @choices.setter
    def choices(self, choices: Any) -> None:
        self.get_entries = choices if callable(choices) else lambda _: choices
        self.reset_choices()

    @property
    def entries(self) -> list[Entry]:
        """Texts and values as displayed."""
        combo = self.native
        return [(combo.itemText(i), combo.itemData(i)) for i in range(combo.count())]

    def reset_choices(self, *_: Any) -> None:
        """Update the entries and keep the chosen value."""
        if self.get_entries is None:
            return
        combo, previous, entries = self.native, self.value, list(self.get_entries(self))
        index = _index_of(previous, entries)
        with QSignalBlocker(combo):
            combo.clear()
            for text, value in entries:
                combo.addItem(text, value)
            if entries:
                combo.setCurrentIndex(
                    self.fallback_index(previous, entries) if index is None else index
                )
        if index is None and not (previous is None and not entries):
            self.changed.emit(self.value)

    def update_entries(self) -> None:
        """Update the entries without emitting ``changed``."""
        with self.changed.blocked():
            self.reset_choices()

    def fallback_index(self, previous: Any, entries: Sequence[Entry]) -> int:
        """Return the index of the entry to choose when the chosen value is no longer offered."""
        return 0


def _index_of(target: Any, entries: Sequence[Entry]) -> int | None:
    """Return the index of a value among the entries, None if it is absent."""
    for i, (_, value) in enumerate(entries):
        if value is target or (type(value) is type(target) and value == target):
            return i
    return None


def file_texts(files: Sequence[Path]) -> list[str]:
    """Return file names, preceded by as many parent folders as needed to be unique."""

    def text(path: Path) -> str:
        for length in range(1, len(path.parts)):
            end = path.parts[-length:]
            if not any(other != path and other.parts[-length:] == end for other in files):
                return "/".join(end)
        return str(path)

    return [text(path) for path in files]
