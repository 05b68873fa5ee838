"""User settings, stored in napari's plugin settings (napari 0.9 or later)."""

from __future__ import annotations

from typing import Any

PLUGIN = "napari-srgan"

_values: dict[str, Any] = {
    "model": "auto",
    "detail": 0.0,
    "consistency": 0,
    "normalise": "auto",
    "device": "auto",
    "precision": "auto",
    "tile": 0,
    "hide_source": False,
    "lazy_over": 1024,
    "live_on_opening": True,
}
"""defaults, as in the manifest; also the values of the session where napari stores none"""

_PAGES = {"lazy_over": "files", "live_on_opening": "files"}
"""name → page of the settings, if not ``widget``"""


def get(name: str) -> Any:
    """Return the value of a setting."""
    stored = _napari_settings(name)
    return _values[name] if stored is None else getattr(stored, name)


def put(name: str, value: Any) -> None:
    """Set and store the value of a setting."""
    stored = _napari_settings(name)
    if stored is None:
        _values[name] = value
    elif getattr(stored, name) != value:
        setattr(stored, name, value)


def _napari_settings(name: str) -> Any:
    """Return napari's settings of the page of ``name``; None in napari before 0.9."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:
        return None
    try:
        return getattr(get_plugin_settings(PLUGIN), _PAGES.get(name, "widget"))
    except KeyError:
        return None
