"""One workload: assessment of its Pods, and which of them may start."""
