"""The controller around the core: reconciles workloads and carries out the actions of their plans."""
