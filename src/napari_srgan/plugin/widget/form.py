"""The widget's form: what is where. Knows neither viewer nor layers."""

from __future__ import annotations

from magicgui.widgets import PushButton
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from .controls import (
    Advanced,
    DetailRow,
    caption,
    collapsible,
)
from .layer_choice import LayerChoice
from .object_choice import ObjectChoice

WIDTH = 300
"""the least, in pixels of the screen"""


class Form(QWidget):
    """One column of labelled controls, the buttons, and room for jobs and sentences below."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = LayerChoice(
            tooltip="The image that is super-resolved, or all of those that are selected"
        )
        self.help = PushButton(text="?", tooltip="Open the documentation in a browser")
        self.about = QLabel()
        self.model = ObjectChoice(
            tooltip="What computes the finer image; automatic goes by the layer's channels",
        )
        self.card = PushButton(text="i", tooltip="What the model is for, and how good it is")
        self.detail = DetailRow()
        self.region = ObjectChoice(
            tooltip="How much is super-resolved; draw a rectangle in a Shapes layer to choose it",
        )
        self.forecast = QLabel()
        self.advanced = Advanced()
        self.more = collapsible("Advanced", self.advanced)
        self.preview_button = PushButton(
            text="Preview", tooltip="Super-resolve what is in view, to see whether it is worth it"
        )
        self.live_button = PushButton(
            text="Live view",
            tooltip="Sharpen what is in view, tile by tile, while you zoom and move about",
        )
        self.run_button = PushButton(
            text="Super-resolve layer", tooltip="Add a finer layer on top of the chosen one"
        )
        self.message = QLabel()
        self.column = QVBoxLayout(self)
        self._arrange()

    def _arrange(self) -> None:
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        rows: list[tuple[str, QWidget, PushButton | None]] = [
            ("Layer", self.layer.native, self.help),
            ("", self.about, None),
            ("Model", self.model.native, self.card),
            ("Detail", self.detail.native, None),
            ("Region", self.region.native, None),
        ]
        for row, (text, control, button) in enumerate(rows):
            grid.addWidget(caption(text, control), row, 0)
            grid.addWidget(control, row, 1, 1, 1 if button else 2)
            if button:
                grid.addWidget(button.native, row, 2)
        buttons = QHBoxLayout()
        buttons.addWidget(self.live_button.native, 1)
        buttons.addWidget(self.preview_button.native, 1)
        for button, name in ((self.help, "Documentation"), (self.card, "About the model")):
            button.native.setFixedWidth(28)
            button.native.setAccessibleName(name)
        for label in (self.about, self.forecast, self.message):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label, lines in ((self.about, 3), (self.forecast, 3)):
            # Kept free, so that nothing moves while one aims at it.
            label.setMinimumHeight(lines * label.fontMetrics().lineSpacing() + 4)
        self.run_button.native.setDefault(True)
        self.column.addLayout(grid)
        self.column.addWidget(self.forecast)
        self.column.addWidget(self.more)
        self.column.addLayout(buttons)
        self.column.addWidget(self.run_button.native)
        self.column.addWidget(self.message)
        self.column.addStretch(1)
        self.setMinimumWidth(WIDTH)

    def add_jobs(self, rows: QWidget) -> None:
        """Put the list of jobs under the buttons."""
        self.column.insertWidget(self.column.indexOf(self.message), rows)
