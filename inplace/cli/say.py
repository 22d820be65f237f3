"""The only way from a command to the terminal, but for what is drawn (`render.picture`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import click

from inplace.runtime.printable import one_line, printable


class Tell(Protocol):
    """Says a line beside a result, on stderr with `err`."""

    def __call__(self, text: str, *, err: bool = False) -> None:
        """Say it."""


def say(text: str, *, err: bool = False, head: str = "", color: str | None = None) -> None:
    """Print a line, on stderr with `err`; `head`, if it begins with it, stands out in this color on a terminal.

    One line, whatever it holds: no value in it can begin another that looks like ours.
    """
    rest = one_line(text)
    if head and rest.startswith(head):
        rest = click.style(head, fg=color, bold=True) + rest.removeprefix(head)
    click.echo(rest, err=err)


def say_blocks(blocks: Iterable[Iterable[str]]) -> None:
    """Print lines in blocks, with an empty one between two."""
    for number, block in enumerate(blocks):
        for line in (*([""] if number else []), *block):
            say(line)


def say_text(text: str, *, err: bool = False, newline: bool = True) -> None:
    """Print a text whose lines are its own: a document, a log, a script, a help page."""
    click.echo(printable(text), err=err, nl=newline)
