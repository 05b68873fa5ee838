"""Layout of the widget: controls, buttons and labels, without connections to a viewer."""

from __future__ import annotations

from magicgui.widgets import PushButton
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from .controls import AdvancedOptions, DetailRow, collapsible, make_label
from .layer_choice import LayerChoice
from .model_choice import ModelChoice
from .object_choice import ObjectChoice

WIDTH = 300
"""minimum width in screen pixels"""


class Form(QWidget):
    """Labelled controls in one column, followed by buttons, job list and messages."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = LayerChoice(
            tooltip="The image that is super-resolved, or all of those that are selected"
        )
        self.help = PushButton(text="?", tooltip="Open the documentation in a browser")
        self.layer_info = QLabel()
        self.model = ModelChoice(
            tooltip="What computes the finer image; automatic goes by the layer's channels",
        )
        self.card = PushButton(text="i", tooltip="What the model is for, and how good it is")
        self.detail = DetailRow()
        self.region = ObjectChoice(
            tooltip="How much is super-resolved; draw a rectangle in a Shapes layer to choose it",
        )
        self.estimate_label = QLabel()
        self.advanced = AdvancedOptions()
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
            ("", self.layer_info, None),
            ("Model", self.model.native, self.card),
            ("Detail", self.detail.native, None),
            ("Region", self.region.native, None),
        ]
        for row, (text, control, button) in enumerate(rows):
            grid.addWidget(make_label(text, control), row, 0)
            grid.addWidget(control, row, 1, 1, 1 if button else 2)
            if button:
                grid.addWidget(button.native, row, 2)
        buttons = QHBoxLayout()
        buttons.addWidget(self.live_button.native, 1)
        buttons.addWidget(self.preview_button.native, 1)
        for button, name in ((self.help, "Documentation"), (self.card, "About the model")):
            button.native.setFixedWidth(28)
            button.native.setAccessibleName(name)
        for label in (self.layer_info, self.estimate_label, self.message):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label, lines in ((self.layer_info, 3), (self.estimate_label, 3)):
            # Reserved height, so that the buttons do not move when the text changes.
            label.setMinimumHeight(lines * label.fontMetrics().lineSpacing() + 4)
        self.run_button.native.setDefault(True)
        self.column.addLayout(grid)
        self.column.addWidget(self.estimate_label)
        self.column.addWidget(self.more)
        self.column.addLayout(buttons)
        self.column.addWidget(self.run_button.native)
        self.column.addWidget(self.message)
        self.column.addStretch(1)
        self.setMinimumWidth(WIDTH)

    def add_job_list(self, rows: QWidget) -> None:
        """Insert the job list below the buttons."""
        self.column.insertWidget(self.column.indexOf(self.message), rows)
