"""The dock widget: its panel, its controls and the list of its jobs."""
