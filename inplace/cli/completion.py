"""`inplace completion`: the scripts by which shells complete `inplace …`, and kubectl completes `kubectl inplace …`."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

from inplace.cli import errors
from inplace.cli.commands import command
from inplace.cli.say import say_text

#: kubectl looks for a program of this name on $PATH (cmd/plugin/plugin_completion.go).
PLUGIN: Final = "kubectl_complete-inplace"
#: For where only the plugin is on $PATH, as krew installs it.
_KUBECTL: Final = f"""#!/bin/sh
# Save as {PLUGIN} in a folder of $PATH, and make it executable.
INPLACE_COMPLETE_WORDS=1 exec kubectl-inplace "$@"
"""


@command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", "kubectl"]))
def completion(shell: str) -> int:
    """For the present shell: `source <(inplace completion bash)`, the same with zsh after its `compinit`, or
    `inplace completion fish | source`.

    Commands, options, and names are completed: workloads, Pods, namespaces, contexts. With kubectl it is the program
    that kubectl asks to complete `kubectl inplace`, for where pip has not installed it: save it as
    kubectl_complete-inplace in a folder of $PATH, and make it executable.

    Exit codes: 0 printed, 1 error.
    """
    if shell == "kubectl":
        say_text(_KUBECTL.rstrip())
        return errors.OK
    root = click.get_current_context().find_root().command
    found = get_completion_class(shell)
    assert found is not None
    say_text(found(root, {}, "inplace", "_INPLACE_COMPLETE").source())
    return errors.OK
