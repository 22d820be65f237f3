"""The state that inplace keeps on objects: records, statuses, conditions."""
