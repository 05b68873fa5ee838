"""Commands of napari's menus and command palette."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import napari

    from .jobs.job import Job


def super_resolve_active(viewer: napari.Viewer) -> Job | None:
    """Super-resolve the selected layers in the background, one after the other.

    Progress is shown in napari's activity dock, and in the widget if it is open. Closing the viewer
    cancels the jobs.

    Returns
    -------
    Job or None
        The first of the queued jobs; None if no image layer is selected.
        ``queue_of(viewer).jobs`` has all of them.
    """
    from napari.layers import Image

    from . import settings
    from .jobs.job import JobRequest
    from .jobs.queue import queue_of
    from .layers.source import sources_of

    queue = queue_of(viewer)
    selected = [each for each in viewer.layers if each in viewer.layers.selection]
    images = sources_of(selected)
    others = [each for each in selected if not isinstance(each, Image)]
    if not images:
        queue.show_message("Select an image layer first; only image layers can be super-resolved.")
        return None
    if others:
        names = ", ".join(f"“{each.name}” ({type(each).__name__.lower()})" for each in others)
        queue.show_message(f"Left out: {names}; only image layers can be super-resolved.")
    hide = settings.get("hide_source")
    jobs = [queue.add(JobRequest(layer, hide_source=hide)) for layer in images]
    return next((job for job in jobs if job is not None), None)
