"""The closed set of writes: what there is to write, as which request with which preconditions, and in which words.

Belongs here: everything about a single write, whoever decides to make it. A new action is a row in each module.
"""
