"""Losses of both training phases."""
