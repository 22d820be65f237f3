"""The control group that all the Pods of a cluster are in: a kubelet makes those of Pods below it, and not itself.

Of each Pod it has one, for without them it can resize nothing (kuberuntime_manager.go, doPodResizeAction).
"""

from __future__ import annotations

from pathlib import Path

from hack.cluster.layout import Layout

ROOT = Path("/sys/fs/cgroup")
#: What a new group of version 1 lacks until it is written: the processors and memory nodes that it may use.
_INHERITED = ("cpuset.cpus", "cpuset.mems")


def make(layout: Layout) -> None:
    """In every hierarchy; needs root."""
    unified = (ROOT / "cgroup.controllers").exists()
    for hierarchy in [ROOT] if unified else [one for one in ROOT.iterdir() if one.is_dir()]:
        group = hierarchy / layout.owner
        group.mkdir(exist_ok=True)
        for name in () if unified else _INHERITED:
            if (hierarchy / name).exists():
                (group / name).write_text((hierarchy / name).read_text())
