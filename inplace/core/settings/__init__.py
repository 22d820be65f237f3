"""The annotations of a workload as Settings: one table of what there is, and the grammar of each value.

Belongs here: how a setting is written and what is wrong with a value. What a setting does stands where it is obeyed.
"""
