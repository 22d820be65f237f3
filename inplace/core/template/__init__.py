"""Pod templates: comparison, defaults, changes."""
