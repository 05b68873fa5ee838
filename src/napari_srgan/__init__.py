"""Super-resolution of scientific images in napari, with the SRGAN generator.

The names below are the public interface. Each is imported on first use, so that
``import napari_srgan`` loads neither PyTorch nor Qt.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._version import __version__
    from .models import Model, ModelCard, ModelError, list_models, load_model
    from .plugin.files.reader import read
    from .plugin.files.writer import write
    from .plugin.layers.super_resolve import super_resolve_layer
    from .plugin.live.layer import live_layer
    from .upscale import super_resolve

_MODULES = {
    "Model": ".models",
    "ModelCard": ".models",
    "ModelError": ".models",
    "__version__": "._version",
    "list_models": ".models",
    "live_layer": ".plugin.live.layer",
    "load_model": ".models",
    "read": ".plugin.files.reader",
    "super_resolve": ".upscale",
    "super_resolve_layer": ".plugin.layers.super_resolve",
    "write": ".plugin.files.writer",
}

__all__ = [
    "Model",
    "ModelCard",
    "ModelError",
    "__version__",
    "list_models",
    "live_layer",
    "load_model",
    "read",
    "super_resolve",
    "super_resolve_layer",
    "write",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value = getattr(import_module(_MODULES[name], __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
