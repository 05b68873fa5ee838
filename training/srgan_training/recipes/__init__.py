"""Recipes: how each shipped model is made, stage after stage."""
