"""Commands of napari's menus and command palette."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import napari
    from napari.qt.threading import GeneratorWorker

    from ..engine import Progress


def super_resolve_active(viewer: napari.Viewer) -> GeneratorWorker[Any, Any, Any] | None:
    """Super-resolve the selected layer in a background thread and add the result.

    Progress stands in napari's activity dock. The viewer stays usable; closing it cancels.

    Returns
    -------
    GeneratorWorker or None
        The running job, whose ``quit`` cancels it; None where no image layer is selected.
    """
    from napari.layers import Image
    from napari.qt.threading import create_worker
    from napari.utils import progress
    from napari.utils.notifications import show_error, show_info

    layer = viewer.layers.selection.active
    if not isinstance(layer, Image):
        show_info("Select an image layer first; only image layers can be super-resolved.")
        return None
    bar = progress(total=100, desc=f"Super-resolving {layer.name}")

    def advance(step: Progress) -> None:
        bar.update(round(100 * step.done) - bar.n)

    def add(result: tuple[Any, dict[str, Any]]) -> None:
        data, arguments = result
        viewer.add_layer(Image(data, **arguments))

    worker = create_worker(_steps, layer, _start_thread=False, _ignore_errors=True)
    worker.yielded.connect(advance)
    worker.returned.connect(add)
    worker.errored.connect(lambda error: show_error(str(error)))
    worker.finished.connect(bar.close)
    worker.start()
    return worker


def _steps(layer: Any) -> Any:
    # PyTorch is imported here, in the worker's thread.
    from ..upscale import Options
    from .layers import layer_steps

    return (yield from layer_steps(layer, "auto", Options()))
