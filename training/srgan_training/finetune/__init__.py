"""Fine-tuning of a shipped model on the images of a user."""
