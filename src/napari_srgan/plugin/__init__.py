"""The napari plugin; the only sub-package that imports napari, magicgui or Qt."""
