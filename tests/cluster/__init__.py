"""A real Kubernetes cluster on this machine, for the tests that nothing smaller can judge.

Nothing is here on purpose: `tests.cluster.api` is what tests import, `python -m tests.cluster` what people type.
"""
