"""From an assessment to a plan: what is done, what is reported in which words, and when to look again.

Belongs here: everything that the controller does or says about a workload as a whole; opting out.
"""
