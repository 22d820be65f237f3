"""Models of what commands print."""
