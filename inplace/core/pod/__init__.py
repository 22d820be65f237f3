"""One Pod: its states and its machine, whether it is eligible and available, evidence, failures, attempts.

Belongs here: what follows from a single Pod and what surrounds it. Does not depend on the workload's other Pods.
"""
