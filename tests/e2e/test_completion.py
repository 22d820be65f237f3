"""Completion as a person has it: the script of each shell, in that shell, on a real terminal."""

from __future__ import annotations

import asyncio
import os
import re

import pytest

from hack.cluster import packages
from inplace.kube import resource as resources
from tests.scenarios.real import PROGRAM
from tests.terminal import Terminal, terminal

#: How each is started without anybody's own settings, and takes the script that the help of `completion` names.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source <(inplace completion bash)"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -D; source <(inplace completion zsh)"),
    "fish": (["fish", "--no-config", "--interactive"], "inplace completion fish | source"),
}


@pytest.mark.parametrize("shell", SHELLS)
async def test_a_press_of_tab_completes_commands_and_names_of_the_cluster(open_world, tmp_path, shell):
    packages.ensure({shell: shell})
    command, script = SHELLS[shell]
    async with open_world(controller=False) as world:
        await world.create_web(replicas=1, mode=None, gate=False)
        assert await world.client.get(resources.STATEFULSETS, "web", world.namespace, type=dict)
        variables = {
            "KUBECONFIG": str(world.cluster.kubeconfig),
            "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",
            "PS1": "$ ",
            "HOME": str(tmp_path),
        }
        with terminal(tmp_path, command, 120, 24, **variables) as window:
            await asyncio.to_thread(_press, window, script, world.namespace)


def _press(window: Terminal, script: str, namespace: str) -> None:
    """Take the script, then write as little as may be: `inplace -n NAMESPACE pla[Tab]sts/w[Tab]`."""
    window.until(lambda lines: any(line.rstrip().endswith(("$", ">", "%", "#")) for line in lines), "a prompt")
    window.tmux("send-keys", "-l", f"{script}; echo TAKEN\n")
    window.until(lambda lines: "TAKEN" in lines, "the script to be taken")
    window.tmux("send-keys", "-l", f"clear; inplace -n {namespace} pla\t")
    window.until(lambda lines: _stands(lines, "plan "), "the command")
    window.tmux("send-keys", "-l", "sts/w\t")
    window.until(lambda lines: _stands(lines, "plan sts/web"), "the name")


def _stands(lines: list[str], text: str) -> bool:
    return any(re.search(re.escape(text.rstrip()) + r"(\s|$)", line) for line in lines)
