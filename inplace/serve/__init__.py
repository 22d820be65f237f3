"""What the controller shows to others: health, metrics and logs over what `runtime.observe` reports."""
