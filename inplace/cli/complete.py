"""`kubectl_complete-inplace`: what kubectl asks for when the arguments of `kubectl inplace …` are to be completed.

It is called with the words so far, the last one unfinished. It answers one proposal a line, its help after a tab, and
then a directive of cobra: whether the shell may propose files beside them.
"""

from __future__ import annotations

import sys

import click
from click.shell_completion import ShellComplete

from inplace.cli.app import main as program

_FILES_TOO = ":0"
_NO_FILES = ":4"


def main() -> None:
    """Answer for the words of the command line."""
    *words, unfinished = sys.argv[1:] or [""]
    proposals = ShellComplete(program, {}, "kubectl inplace", "").get_completions(words, unfinished)
    files = any(one.type in {"file", "dir"} for one in proposals)
    for one in proposals:
        if one.type == "plain":
            click.echo(f"{one.value}\t{one.help}" if one.help else one.value)
    click.echo(_FILES_TOO if files else _NO_FILES)
