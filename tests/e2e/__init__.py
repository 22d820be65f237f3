"""What only a real cluster can show: the program as users run it, its rights, and what it costs the API server."""
