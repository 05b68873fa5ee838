"""What a person set, kept in napari's plugin settings where this napari has them."""

from __future__ import annotations

from typing import Any

PLUGIN = "napari-srgan"

_session: dict[str, Any] = {
    "model": "auto",
    "detail": 0.0,
    "consistency": 0,
    "normalise": "auto",
    "device": "auto",
    "precision": "auto",
    "tile": 0,
    "hide_source": False,
}
"""names and defaults, as in the manifest; holds the values where napari keeps none"""


def get(name: str) -> Any:
    """Return what was set, or the default."""
    kept = _kept()
    return _session[name] if kept is None else getattr(kept, name)


def put(name: str, value: Any) -> None:
    """Remember what was set."""
    kept = _kept()
    if kept is None:
        _session[name] = value
    elif getattr(kept, name) != value:
        setattr(kept, name, value)


def _kept() -> Any:
    """Return the settings of this plugin; None in napari before 0.9."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:
        return None
    try:
        return get_plugin_settings(PLUGIN).widget
    except KeyError:
        return None
