"""The table of commands: where each is, and its one-line help.

Imports nothing but click, so that `--help` is instant. A command's docstring holds the details, for its own help page.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

import click

#: Command -> (module, short help), in the order of the help page. The module has a click command of the
#: same name, with `_` for `-`, and at the end of a name that Python has taken.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": ("inplace.cli.run", "Run the controller."),
    "plan": ("inplace.cli.plan", "Show what an upgrade would do, to which Pods, and why."),
    "diff": ("inplace.cli.diff", "Check offline whether a change can be made in place."),
    "list": ("inplace.cli.listing", "List the workloads that are opted in, and where they stand."),
    "status": ("inplace.cli.status", "Show the status of an upgrade and wait until it is done."),
    "explain": ("inplace.cli.explain", "Show what happened to a Pod, the evidence, and what it waits for."),
    "events": ("inplace.cli.events", "Show the Events of a workload and of all that belongs to it."),
    "logs": ("inplace.cli.logs", "Print the logs of the Pods that failed or are in flight."),
    "report": ("inplace.cli.report", "Write an archive for whoever is to help, without secrets."),
    "check": ("inplace.cli.check", "Check that everything is there that an upgrade needs."),
    "dashboard": ("inplace.cli.dashboard", "Show what goes on in a browser on this machine."),
    "enable": ("inplace.cli.enable", "Enable in-place upgrades for a workload."),
    "disable": ("inplace.cli.disable", "Disable in-place upgrades for a workload and leave nothing behind."),
    "set": ("inplace.cli.set_image", "Set images of containers."),
    "pause": ("inplace.cli.pausing", "Begin with no further Pod."),
    "resume": ("inplace.cli.pausing", "Take back inplace pause."),
    "promote": ("inplace.cli.requests", "Continue a rollout that has stopped at a step."),
    "retry": ("inplace.cli.requests", "Retry what failed or was rolled back."),
    "sidecars": ("inplace.cli.sidecars", "Upgrade an injected container over all Pods of a selection."),
    "history": ("inplace.cli.history", "Show the rollout history of a workload."),
    "undo": ("inplace.cli.history", "Go back to an earlier revision, in place."),
    "restart": ("inplace.cli.restart", "Restart containers in place, with the image that they have."),
    "completion": ("inplace.cli.completion", "Print the completion script of a shell."),
    "wait-ready": ("inplace.cli.wait_ready", "Wait until an endpoint answers, as a postStart hook does."),
    "demo": ("inplace.cli.demo", "Watch an upgrade on a cluster inside this process."),
    "version": ("inplace.cli.version", "Print the version."),
}


def command(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A command of the table: its help is the table's line, then the function's docstring."""

    def make(function: Callable[..., Any]) -> click.Command:
        _, short = COMMANDS[name]
        details = inspect.getdoc(function) or ""
        return click.command(name, short_help=short, help=f"{short}\n\n{details}")(function)

    return make
