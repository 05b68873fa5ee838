"""Images, pairs and patches to train on."""
