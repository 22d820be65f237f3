"""Health, metrics and logs of the controller, from what `runtime.observe` reports."""
