"""A container of the cluster as the machine has it: its process, to be killed, and its network, to be cut.

Knows where containerd keeps what runc has made of a container, and `nsenter` and `nft`.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hack.cluster.layout import Layout
from hack.cluster.packages import find
from hack.cluster.settings import ClusterError

#: In the Pod's own network namespace, with which it goes.
_TABLE = "inplace-cut"
_RULES = f"""\
table inet {_TABLE} {{
  chain in {{ type filter hook input priority 0; policy drop; }}
  chain out {{ type filter hook output priority 0; policy drop; }}
}}
"""


def process(layout: Layout, container: str) -> int:
    """The first process of a container, by its id as a Pod's status has it (`containerd://…`)."""
    name = container.removeprefix("containerd://")
    task = layout.state / "containerd/state/io.containerd.runtime.v2.task/k8s.io" / name
    try:
        return int((task / "init.pid").read_text())
    except FileNotFoundError:
        raise ClusterError(f"no container {name} runs in this cluster") from None


def kill(layout: Layout, container: str) -> None:
    """SIGKILL, as for one that is out of memory; the kubelet starts another."""
    os.kill(process(layout, container), signal.SIGKILL)


@contextmanager
def cut_off(layout: Layout, container: str) -> Iterator[None]:
    """Nothing reaches the Pod of a container, and it reaches nothing, while the block runs."""
    # What holds the namespace must not depend on a process that may end meanwhile.
    with Path(f"/proc/{process(layout, container)}/ns/net").open() as space:
        inside = f"/proc/{os.getpid()}/fd/{space.fileno()}"
        _nft(inside, _RULES)
        try:
            yield
        finally:
            _nft(inside, f"delete table inet {_TABLE}\n")


def _nft(space: str, rules: str) -> None:
    programs = [find("nsenter"), find("nft")]
    if None in programs:
        raise ClusterError("nsenter and nft cut a Pod's network, and are not here; run `up` again")
    command = [str(programs[0]), f"--net={space}", str(programs[1]), "-f", "-"]
    done = subprocess.run(command, input=rules.encode(), capture_output=True, check=False)
    if done.returncode:
        raise ClusterError(f"nft failed: {done.stderr.decode(errors='replace').strip()[-300:]}")
