"""Arguments of a run, read from the widget's form: options, region and job request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Shapes

from .. import settings
from ..jobs.job import JobRequest
from ..jobs.region import Extent, spans_of
from ..layers.source import layer_source, missing_of
from .form import Form
from .object_choice import Entry

if TYPE_CHECKING:
    from ...engine.tiles import Span
    from ...models import ModelCard
    from ...options import Options

EXTENTS: dict[str, Extent] = {
    "whole layer": "layer",
    "current view": "view",
    "current slice": "slice",
}
"""text in the combo box → extent"""


class FormValues:
    """Reads options, region and model from a form.

    Parameters
    ----------
    form
        The form.
    viewer
        The viewer whose view and Shapes layers define regions.
    get_file_card
        Returns the card of the chosen model file, None if it has not been read.
    """

    def __init__(
        self, form: Form, viewer: Any, get_file_card: Callable[[], ModelCard | None]
    ) -> None:
        self.form, self.viewer = form, viewer
        self.get_file_card = get_file_card

    def regions(self) -> list[Entry]:
        """Return the entries of the region: the extents and the Shapes layers of the viewer."""
        shapes = [each for each in self.viewer.layers if isinstance(each, Shapes)]
        return [*EXTENTS.items(), *((f"rectangle in {each.name}", each) for each in shapes)]

    @property
    def shapes(self) -> Shapes | None:
        """The Shapes layer chosen as region, if any."""
        region = self.form.region.value
        return region if isinstance(region, Shapes) else None

    @property
    def axes(self) -> str | None:
        """The axes typed by the user, None if the field is empty."""
        return self.form.advanced.axes.value.strip() or None

    def card(self, layer: Image | None = None) -> ModelCard | None:
        """Return the card of the chosen model for a layer, by default the chosen one."""
        return self.form.model.card_for(layer or self.form.layer.source, self.get_file_card())

    def options(self, layer: Image) -> Options:
        """Return the options for a layer.

        Raises
        ------
        ValueError
            If a typed value is invalid.
        """
        options = self.form.advanced.selected_options(layer, self.form.detail.detail)
        card = self.card(layer)
        if card is not None and not card.both_ends:
            options = replace(options, detail=None)
        return options

    def spans(self, layer: Image) -> list[Span] | None:
        """Return the chosen region as spans of a layer, None for the whole layer.

        Raises
        ------
        RegionError
            If the region is empty.
        """
        chosen = self.form.region.value
        if chosen == "layer":
            return None
        if isinstance(chosen, Shapes):
            return spans_of("rectangle", layer, self.viewer, chosen)
        return spans_of(chosen, layer, self.viewer)

    def estimate_arguments(self, layer: Image, *, measure_speed: bool) -> dict[str, Any]:
        """Return the arguments of `estimate_run` for a layer.

        Raises
        ------
        TypeError, ValueError
            If the layer, a typed value or the region is invalid.
        """
        spans = self.spans(layer)
        data, options = layer_source(layer, self.options(layer), shown=spans is not None)
        return {
            "data": data,
            "model": self.form.model.value,
            "options": options,
            "spans": spans,
            "missing": missing_of(layer),
            "measure_speed": measure_speed,
        }

    def request(
        self, layer: Image, spans: list[Span] | None = None, *, preview: bool = False
    ) -> JobRequest:
        """Return the request for a run of a layer.

        Parameters
        ----------
        layer
            The layer.
        spans
            Part of the layer, for a preview only; other runs are of the chosen region.
        preview
            Whether the run is a preview.

        Raises
        ------
        TypeError, ValueError
            If the layer, a typed value or the region is invalid.
        """
        return JobRequest(
            layer,
            self.form.model.value,
            self.options(layer),
            spans if preview else self.spans(layer),
            preview=preview,
            hide_source=settings.get("hide_source"),
        )

    def save(self) -> None:
        """Write the chosen options and model to the settings."""
        self.form.advanced.save()
        if self.form.detail.detail is not None:
            settings.put("detail", self.form.detail.detail)
        self.form.model.save()
