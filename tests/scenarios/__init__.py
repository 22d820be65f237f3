"""Scenarios that run unchanged on every world; a difference between worlds is a bug in the model."""
