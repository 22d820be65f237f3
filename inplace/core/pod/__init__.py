"""The state machine of one Pod."""
