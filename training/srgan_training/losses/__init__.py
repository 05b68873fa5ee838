"""Loss functions of all training phases."""
