"""Training data: images, LR/HR pairs and patches."""
