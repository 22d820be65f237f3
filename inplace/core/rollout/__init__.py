"""One workload: where its Pods go, what each lacks, why nothing may start, and who starts now.

Belongs here: weighing Pods against each other, and what they share: targets, steps, quotas, disruption budgets, images
pulled ahead, dry runs. `assess` first, then `holds`, then `admit`.
"""
