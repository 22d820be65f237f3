"""Models of what kube-controller-manager and kube-scheduler do, as ordinary clients of the API."""
