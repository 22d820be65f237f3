"""The command line: `inplace`, and as the same program `kubectl inplace`."""
