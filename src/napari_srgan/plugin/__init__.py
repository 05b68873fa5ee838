"""What napari sees; the only room that imports napari, magicgui or Qt."""
