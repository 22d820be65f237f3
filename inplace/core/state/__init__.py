"""What we persist on objects, and its limits: the record on a Pod, the status and the conditions of a workload.

Belongs here: formats, codecs and versions. Reading is total: what cannot be read is a value that says so.
"""
