"""Composite controls of the form: detail slider, advanced options, model card."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, FloatSlider, Label, LineEdit
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFormLayout, QLabel, QMessageBox, QWidget
from superqt import QCollapsible

from ...engine.missing import Nodata
from ...options import Options
from .. import settings

if TYPE_CHECKING:
    from napari.layers import Image

    from ...models import ModelCard

PRECISION_CHOICES = ("auto", "float32", "bfloat16", "float16")
NORMALISE_CHOICES = (
    ("automatic", "auto"),
    ("as they are (0 to 1)", "none"),
    ("contrast limits", "limits"),
)
CONSISTENCY_CHOICES = (("off", 0), ("1 step", 1), ("2 steps", 2), ("3 steps", 3))
TILE_CHOICES = (("auto", 0), *((f"{side} px", side) for side in (32, 64, 128, 256, 512, 1024)))
PRECISION_TIP = "Automatic takes half precision where the device is quicker with it"
ONE_END_TEXT = "faithful (the only end it has)"


class DetailRow(Container[Any]):
    """Slider between fidelity and adversarial model; a text if the model has only one end."""

    def __init__(self) -> None:
        tip = "Faithful blurs where it does not know; realistic invents texture that looks right"
        self.slider = FloatSlider(
            value=settings.get("detail"), min=0, max=1, step=0.05, readout=False, tooltip=tip
        )
        self.ends = [Label(value="faithful"), Label(value="realistic")]
        self.reason = Label(
            value=ONE_END_TEXT,
            tooltip="This model has one end only, so its detail cannot be chosen",
        )
        super().__init__(
            widgets=[self.ends[0], self.slider, self.ends[1], self.reason],
            layout="horizontal",
            labels=False,
            label="Detail",
            tooltip=tip,
        )
        self.margins = (0, 0, 0, 0)
        self.reason.native.setAlignment(Qt.AlignmentFlag.AlignLeft)
        self.set_both_ends(False)

    def set_both_ends(self, both: bool, reason: str = ONE_END_TEXT) -> None:
        """Show the slider, or ``reason`` if there is no choice."""
        self.reason.value = reason
        self.slider.enabled = both
        self.slider.visible = both
        for end in self.ends:
            end.visible = both
        self.reason.visible = not both

    @property
    def detail(self) -> float | None:
        """Value of the slider, 0 to 1; None if there is no choice."""
        return float(self.slider.value) if self.slider.enabled else None


class AdvancedOptions(QWidget):
    """Form of the options that have good defaults.

    Attributes
    ----------
    persistent
        Setting → combo box, for options that are saved in the settings.
    controls
        All controls, in the order shown.
    """

    def __init__(self) -> None:
        super().__init__()
        self.axes = LineEdit(
            tooltip="One letter per axis: T time, C channel, Z depth, Y rows, X columns"
        )
        self.normalise = ComboBox(
            choices=NORMALISE_CHOICES,
            tooltip="Which range of values the model sees as 0 to 1; it is undone in the result",
        )
        self.consistency = ComboBox(
            choices=CONSISTENCY_CHOICES,
            tooltip="Makes the result, reduced again, equal its source; one step is enough",
        )
        self.nodata = LineEdit(
            tooltip="The value that stands for missing data, or “none”. NaN always does; a fill "
            "value such as −9999 is recognised"
        )
        self.nodata.native.setPlaceholderText("automatic")
        self.device = ComboBox(
            choices=["auto"], tooltip="What computes: the best graphics card, or the one chosen"
        )
        self.precision = ComboBox(
            choices=PRECISION_CHOICES,
            tooltip=PRECISION_TIP,
        )
        self.tile = ComboBox(
            choices=TILE_CHOICES,
            tooltip="Side in pixels of what is computed at once; the result does not depend on it",
        )
        self.persistent = {
            "normalise": self.normalise,
            "consistency": self.consistency,
            "precision": self.precision,
            "tile": self.tile,
        }
        for name, combo in self.persistent.items():
            select_if_offered(combo, settings.get(name))
        self.persistent["device"] = self.device
        rows = {
            "Axes": self.axes,
            "Intensities": self.normalise,
            "Consistency": self.consistency,
            "No-data value": self.nodata,
            "Device": self.device,
            "Precision": self.precision,
            "Tile": self.tile,
        }
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for text, control in rows.items():
            form.addRow(make_label(text, control.native), control.native)
        self.controls = tuple(rows.values())

    def set_devices(self, devices: tuple[str, ...]) -> None:
        """Set the entries of the device and select the one in the settings."""
        self.device.choices = ("auto", *devices)
        select_if_offered(self.device, settings.get("device"))

    def selected_options(self, layer: Image, detail: float | None) -> Options:
        """Return the chosen options.

        Parameters
        ----------
        layer
            Its contrast limits are used if chosen as intensity range.
        detail
            Value of the detail slider.

        Raises
        ------
        ValueError
            If the no-data value is not a number.
        """
        text = self.nodata.value.strip()
        try:
            nodata: Nodata = "auto" if not text else None if text == "none" else float(text)
        except ValueError as error:
            raise ValueError(
                f"The no-data value {text!r} is not a number. Type “none” if there is none."
            ) from error
        normalise = self.normalise.value
        if normalise == "limits":
            low, high = layer.contrast_limits
            normalise = (float(low), float(high))
        return Options(
            axes=self.axes.value.strip() or None,
            detail=detail,
            consistency=self.consistency.value,
            normalise=normalise,
            device=self.device.value,
            precision=self.precision.value,
            tile=self.tile.value or "auto",
            nodata=nodata,
        )

    def clear_layer_options(self) -> None:
        """Clear the options that apply to one layer only: axes and no-data value."""
        self.axes.value = self.nodata.value = ""

    def save(self) -> None:
        """Write the chosen options to the settings."""
        for name, combo in self.persistent.items():
            settings.put(name, combo.value)


def make_label(text: str, control: QWidget) -> QLabel:
    """Return a label for a control, with the same tooltip."""
    label = QLabel(text)
    label.setBuddy(control)
    label.setToolTip(control.toolTip())
    return label


def select_if_offered(combo: ComboBox, value: Any) -> None:
    """Select a value if it is among the choices."""
    if value in combo.choices:
        combo.value = value


def collapsible(title: str, content: QWidget) -> QCollapsible:
    """Return a collapsible section with a title."""
    box = QCollapsible(title, expandedIcon="▾", collapsedIcon="▸")
    box.setDuration(0)
    box.addWidget(content)
    box.toggleButton().setToolTip("Options that a first run does not need")
    box.toggleButton().setStyleSheet(
        "text-align: left; border: none; background: transparent; padding: 2px 0px;"
    )
    for layout in (box.layout(), box.content().layout()):
        if layout is not None:
            layout.setContentsMargins(0, 0, 0, 0)
    return box


def card_text(card: ModelCard) -> str:
    """Format a model card as HTML."""
    figures = [
        f"<tr><td>{escape(name)}&nbsp;&nbsp;</td><td>"
        + ", ".join(f"{escape(k.upper())} {v:g}" for k, v in values.items())
        + "</td></tr>"
        for name, values in card.figures.items()
    ]
    facts = {
        "Made for": card.description,
        "Not for": card.not_for,
        "Trained on": card.trained_on,
        "Low resolution was made by": card.degradation,
        "Licence": f"{card.licence}; images: {card.data_licence}",
    }
    paragraphs = "".join(f"<p><b>{k}</b><br>{escape(v)}</p>" for k, v in facts.items() if v)
    table = f"<p><b>Measured</b> (PSNR in dB)</p><table>{''.join(figures)}</table>"
    return f"<h3>{escape(card.name)}</h3>{paragraphs}{table if figures else ''}"


def show_card(card: ModelCard, parent: QWidget) -> QMessageBox:
    """Show a model card in a non-modal dialog."""
    box = QMessageBox(parent)
    box.setWindowTitle(f"Model {card.name}")
    box.setText(card_text(card))
    box.setModal(False)
    box.show()
    return box
