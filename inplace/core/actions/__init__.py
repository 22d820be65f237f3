"""The writes that inplace makes, their requests, and their descriptions."""
