"""Fine-tuning of a shipped model on a user's own images."""
