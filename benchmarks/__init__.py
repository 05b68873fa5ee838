"""Speed and memory, measured by hand and printed as tables."""
