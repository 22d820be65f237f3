"""The real kubectl against the embedded cluster."""
