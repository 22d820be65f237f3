"""One module per workload kind: its freeze, its revisions, what finished means there."""
