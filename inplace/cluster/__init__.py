"""The one door between the core and a cluster, for the controller and the commands alike.

What is known of a cluster (`cache`), what this process did and saw (`memory`), the only way from both to a Snapshot
(`gather`), the only way from an action to a request (`send`), and a cache that is filled for a single workload
(`live`). Nothing is decided here.
"""
