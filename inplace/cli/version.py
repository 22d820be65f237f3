"""`inplace version`."""

from __future__ import annotations

import platform

import click

import inplace
from inplace.cli.commands import command
from inplace.cli.render.document import FORMATS, render
from inplace.cli.say import say


@command("version")
@click.option("-o", "--output", type=click.Choice(FORMATS), default="text", help="Output format.")
def version(output: str) -> None:
    """With -o json or yaml, also the version of Python.

    Exit codes: 0 printed.
    """
    found = {"version": inplace.__version__, "python": platform.python_version()}
    say(f"inplace {inplace.__version__}" if output == "text" else render(found, output))
