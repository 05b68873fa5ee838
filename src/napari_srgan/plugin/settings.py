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
    "lazy_over": 1024,
    "live_on_opening": True,
}
"""names and defaults, as in the manifest; holds the values where napari keeps none"""


_PAGES = {"lazy_over": "files", "live_on_opening": "files"}
"""names → their page of the settings, where it is not that of the widget"""


def get(name: str) -> Any:
    """Return what was set, or the default."""
    kept = _kept(name)
    return _session[name] if kept is None else getattr(kept, name)


def put(name: str, value: Any) -> None:
    """Remember what was set."""
    kept = _kept(name)
    if kept is None:
        _session[name] = value
    elif getattr(kept, name) != value:
        setattr(kept, name, value)


def _kept(name: str) -> Any:
    """Return the settings of this plugin; None in napari before 0.9."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:
        return None
    try:
        return getattr(get_plugin_settings(PLUGIN), _PAGES.get(name, "widget"))
    except KeyError:
        return None
