"""Recipes: the training stages of each shipped model."""
