"""Kubernetes objects as we read them, and the words of the field: models, names, reason codes, images, selectors.

Belongs here: what any other part of the core may speak about. Depends on nothing else of the core.
"""
