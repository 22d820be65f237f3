"""inplace: upgrade the Pods of stock Kubernetes workloads in place."""

__version__ = "0.1.0"
