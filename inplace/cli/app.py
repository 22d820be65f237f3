"""The program: finds the command that was named and loads only its module, so that `--help` is instant.

Refuses to know what a command does; the table says in which module it stands.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from inplace.cli import errors
from inplace.cli.options import connection_options

#: Command -> (module, short help), in the order of the help page. The module has a click command of the same name.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": ("inplace.cli.run", "Run the controller."),
    "plan": ("inplace.cli.plan", "Show what an upgrade would do, to which Pods, and why."),
    "diff": ("inplace.cli.diff", "Say whether a change can be made in place; offline."),
    "status": ("inplace.cli.status", "Show an upgrade and wait until it is done."),
    "explain": ("inplace.cli.explain", "Tell what happened to a Pod, what proves it, and what it waits for."),
    "enable": ("inplace.cli.enable", "Opt a workload in, frozen in the same write."),
    "disable": ("inplace.cli.disable", "Opt a workload out, and leave nothing behind."),
    "promote": ("inplace.cli.requests", "Go on after a step."),
    "retry": ("inplace.cli.requests", "Try again what failed or was rolled back."),
    "demo": ("inplace.cli.demo", "Watch an upgrade on a cluster inside this process."),
    "version": ("inplace.cli.version", "Print the version."),
}


class Program(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands on the help page, without loading any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in COMMANDS.items()])

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run and exit with the command's code; a command returns its code as an int."""
        name = extra.pop("prog_name", None)
        extra["prog_name"] = program_name(sys.argv[0]) if name in {None, self.name} else name
        call = super().main
        sys.exit(errors.run(lambda: call(*args, **{**extra, "standalone_mode": False})))


def program_name(argv0: str) -> str:
    """How the program was called: kubectl finds plugins as `kubectl-NAME` and users call them `kubectl NAME`."""
    return "kubectl inplace" if Path(argv0).name.startswith("kubectl-") else "inplace"


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@connection_options
@click.pass_context
def main(ctx: click.Context) -> None:
    """Upgrade the Pods of stock Kubernetes workloads in place: same name, UID, IP, node and volumes."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False
