"""`inplace version`."""

from __future__ import annotations

import platform

import click

import inplace
from inplace.cli.render.document import FORMATS, render


@click.command()
@click.option("-o", "--output", type=click.Choice(FORMATS), default="text", help="How to print it.")
def version(output: str) -> None:
    """Print the version of this program and of its Python."""
    found = {"version": inplace.__version__, "python": platform.python_version()}
    click.echo(f"inplace {inplace.__version__}" if output == "text" else render(found, output))
