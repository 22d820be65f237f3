"""The Kubernetes API: one client, watches, caches, the lease, Events. Generic: does not depend on upgrades."""
