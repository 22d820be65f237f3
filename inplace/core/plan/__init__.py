"""Snapshot -> plan: the decision about a workload, its status and Events."""
