"""What people see: a workload with its Pods, one Pod's story, a forecast. Texts and numbers only.

Belongs here: models that a terminal, JSON and a log line can all be drawn from. Made from the controller's own
decisions, never by rules of their own.
"""
