"""What a release gives out: `python -m hack.release`."""
