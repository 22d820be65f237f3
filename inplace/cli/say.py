"""The only way from a command to the terminal, but for what is drawn (`render.picture`)."""

from __future__ import annotations

from typing import Protocol

import click

from inplace.runtime.printable import printable


class Tell(Protocol):
    """Says a line beside a result, on stderr with `err`."""

    def __call__(self, text: str, *, err: bool = False) -> None:
        """Say it."""


def say(text: str, *, err: bool = False, head: str = "", color: str | None = None, newline: bool = True) -> None:
    """Print lines, on stderr with `err`; `head`, if they begin with it, stands out in this color on a terminal."""
    rest = printable(text)
    if head and rest.startswith(head):
        rest = click.style(head, fg=color, bold=True) + rest.removeprefix(head)
    click.echo(rest, err=err, nl=newline)
