"""Model files made of checkpoints and of other models."""
