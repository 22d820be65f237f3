"""The commands as a user runs them, on the embedded cluster in real time."""
