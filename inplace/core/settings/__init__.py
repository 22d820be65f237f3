"""The settings of a workload: grammar, schema, defaults."""
