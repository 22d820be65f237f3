"""Kubernetes objects as far as inplace reads them, names and reason codes."""
