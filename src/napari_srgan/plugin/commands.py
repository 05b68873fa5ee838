"""Commands of napari's menus and command palette."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import napari

    from .jobs import Job


def super_resolve_active(viewer: napari.Viewer) -> Job | None:
    """Super-resolve the selected layer in a background thread and add the result.

    Progress stands in napari's activity dock, and in the widget where that is open. The viewer
    stays usable; closing it cancels.

    Returns
    -------
    Job or None
        The queued job, whose ``cancel`` stops it; None where no image layer is selected.
    """
    from napari.layers import Image
    from napari.utils.notifications import show_info

    from . import preferences
    from .jobs import Order, queue_of
    from .layers import source_of

    layer = viewer.layers.selection.active
    if not isinstance(layer, Image):
        show_info("Select an image layer first; only image layers can be super-resolved.")
        return None
    layer = source_of(layer)
    return queue_of(viewer).add(Order(layer, hide_source=preferences.get("hide_source")))
