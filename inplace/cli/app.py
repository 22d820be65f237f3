"""The program: finds the command that was named and loads only its module, so that `--help` is instant.

Does not depend on any command; `commands.COMMANDS` says in which module each is.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

import inplace
from inplace.cli import errors
from inplace.cli.commands import COMMANDS
from inplace.cli.options import connection_options


class Program(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        found, name = vars(import_module(COMMANDS[cmd_name][0])), cmd_name.replace("-", "_")
        command = found.get(f"{name}_") or found.get(name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the command that is meant most likely."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib  # only now: it takes as long as half of the rest

            close = difflib.get_close_matches(args[0], COMMANDS, 1)
            if not close:
                raise
            raise click.UsageError(f"{error.message.removesuffix('.')}: did you mean {close[0]}?", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands on the help page, without loading any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands, without loading any of them, and the options."""
        commands = [CompletionItem(name, help=short) for name, (_, short) in COMMANDS.items()]
        return [one for one in commands if one.value.startswith(incomplete)] + click.Command.shell_complete(
            self, ctx, incomplete
        )

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run and exit with the command's code; a command returns its code as an int."""
        if os.environ.pop("INPLACE_COMPLETE_WORDS", ""):  # as the script of `inplace completion kubectl` calls it
            from inplace.cli import complete

            complete.main()
            sys.exit()
        name = extra.pop("prog_name", None)
        extra["prog_name"] = program_name(sys.argv[0]) if name in {None, self.name} else name
        call = super().main
        sys.exit(errors.run(lambda: call(*args, **{**extra, "standalone_mode": False})))


def program_name(argv0: str) -> str:
    """How the program was called: kubectl finds plugins as `kubectl-NAME` and users call them `kubectl NAME`."""
    return "kubectl inplace" if Path(argv0).name.startswith("kubectl-") else "inplace"


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(inplace.__version__, message="inplace %(version)s")
@connection_options
@click.pass_context
def main(ctx: click.Context) -> None:
    """Upgrade the Pods of stock Kubernetes workloads in place: same name, UID, IP, node and volumes."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False
