"""How LR images are made of HR images."""
