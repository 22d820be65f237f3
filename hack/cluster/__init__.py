"""A real Kubernetes cluster on this machine, for the tests that nothing smaller can judge.

Nothing is here on purpose: `hack.cluster.api` is what tests import, `python -m hack.cluster` what people type.
"""
