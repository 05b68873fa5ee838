"""The engine: arrays through a model, tile by tile; knows arrays and models."""
