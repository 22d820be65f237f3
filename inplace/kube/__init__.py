"""The Kubernetes API: one client, watches, caches, the lease, Events. Generic: knows nothing of upgrades."""
