"""Pure decisions: what should happen to which Pod, and why. No I/O, no clock, no logging."""
