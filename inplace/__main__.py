"""`python -m inplace`."""

from inplace.cli.app import main

main(prog_name="inplace")
