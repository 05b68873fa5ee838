"""Combo box of the models: automatic choice, installed models and model files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtWidgets import QFileDialog, QWidget

from ...options import choose_model
from .. import settings
from .object_choice import Entry, ObjectChoice, file_texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...models import ModelCard

CHOOSE_FILE = "choose a file…"
"""entry that opens a file dialog"""


class ModelChoice(ObjectChoice):
    """A combo box whose value is ``auto``, the name of a model or the path of a model file.

    Attributes
    ----------
    cards
        Name → card of the installed models; empty until `set_cards` is called.
    files
        Model files that were chosen in this session.
    """

    def __init__(self, *, tooltip: str = "") -> None:
        super().__init__(tooltip=tooltip)
        self.cards: dict[str, ModelCard] = {}
        self.files: list[Path] = []
        self._get_layer: Callable[[], Image | None] = lambda: None
        self._previous: Any = "auto"

    def attach(self, get_layer: Callable[[], Image | None]) -> None:
        """Offer the models and select the one in the settings.

        Parameters
        ----------
        get_layer
            Returns the layer for which ``auto`` chooses a model.
        """
        self._get_layer = get_layer
        self.choices = lambda _: self.available_entries()
        self.value = settings.get("model")

    def available_entries(self) -> list[Entry]:
        """Return texts and values of the entries."""
        layer = self._get_layer()
        auto = "auto" if layer is None else f"auto: {choose_model(rgb=layer.rgb)}"
        saved = settings.get("model")
        names = list(self.cards) or ([saved] if saved != "auto" else [])
        files = zip(file_texts(self.files), self.files, strict=True)
        return [
            (auto, "auto"),
            *((name, name) for name in names),
            *files,
            (CHOOSE_FILE, CHOOSE_FILE),
        ]

    def set_cards(self, cards: Iterable[ModelCard]) -> None:
        """Offer the installed models."""
        self.cards = {card.name: card for card in cards}
        self.update_entries()

    def resolve(self, parent: QWidget) -> None:
        """Replace the value `CHOOSE_FILE` by a file from a dialog, or by the previous value."""
        if self.value == CHOOSE_FILE:
            name, _filter = QFileDialog.getOpenFileName(
                parent, "Choose a model", "", "Models (*.safetensors)"
            )
            if name and Path(name) not in self.files:
                self.files.append(Path(name))
            self.update_entries()
            with self.changed.blocked():
                self.value = Path(name) if name else self._previous
        self._previous = self.value

    def card_for(self, layer: Image | None, file_card: ModelCard | None) -> ModelCard | None:
        """Return the card of the chosen model, None where it is unknown.

        Parameters
        ----------
        layer
            The layer for which ``auto`` chooses a model.
        file_card
            Card of the chosen model file, if one is chosen and has been read.
        """
        chosen = self.value
        if chosen == "auto":
            chosen = choose_model(rgb=layer is not None and layer.rgb)
        if isinstance(chosen, Path):
            return file_card
        return self.cards.get(chosen)

    def save(self) -> None:
        """Write the chosen model to the settings, unless it is a file."""
        if self.value == "auto" or self.value in self.cards:
            settings.put("model", self.value)
