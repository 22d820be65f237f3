"""What a cluster leaves behind when its containers are killed: shims, mounts, networks, control groups.

Everything is found by this cluster's own socket, state folder or network name; nothing by the name of a program.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hack.cluster import network, process
from hack.cluster.layout import Layout
from hack.cluster.packages import find

_CNI_CACHE = Path("/var/lib/cni/results")
_CGROUPS = Path("/sys/fs/cgroup")
# Where a kubelet links to the logs of containers; the path is a constant in its source.
_LOG_LINKS = Path("/var/log/containers")


def remove(layout: Layout) -> None:
    """Remove all of it; needs root if there were containers."""
    process.end(_shims(layout), patience=0)
    process.end(_containers(layout), patience=0)
    _unmount(layout.state, layout.run)
    _unplug(layout)
    if not layout.hollow:
        network.remove(layout)
    _drop_groups(layout)
    _drop_log_links(layout)
    _unmount(layout.state, layout.run)
    shutil.rmtree(layout.state, ignore_errors=True)


def _shims(layout: Layout) -> list[int]:
    """Shims name the socket of the containerd that they report to."""
    return [pid for pid, words in process.everyone().items() if str(layout.socket) in words]


def _containers(layout: Layout) -> list[int]:
    """First processes of containers, by the pids that the runtime wrote down."""
    found = []
    for path in (layout.state / "containerd/state").glob("io.containerd.runtime.v2.task/k8s.io/*/init.pid"):
        pid = int(path.read_text() or 0)
        if pid and path.parent.name in _groups_of(pid):
            found.append(pid)
    return found


def _groups_of(pid: int) -> str:
    """The control groups of a process, which name its container: pids are used again."""
    try:
        return Path(f"/proc/{pid}/cgroup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _unmount(*folders: Path) -> None:
    """Innermost first."""
    roots = tuple(f"{folder}/" for folder in folders)
    mounts = [
        line.split()[1].encode().decode("unicode_escape") for line in Path("/proc/mounts").read_text().splitlines()
    ]
    for mount in sorted((mount for mount in mounts if mount.startswith(roots)), key=len, reverse=True):
        _run("umount", "-l", mount)


def _unplug(layout: Layout) -> None:
    """Killing containers skips CNI DEL: undo its networks from the result cache."""
    for path in _CNI_CACHE.glob(f"{layout.owner}-*"):
        for link, namespace in _interfaces(path):
            if namespace:
                _drop_namespace(Path(namespace))
            else:
                _run("ip", "link", "delete", link)
        container = path.name.removeprefix(f"{layout.owner}-").rpartition("-")[0]
        for twin in _CNI_CACHE.glob(f"cni-loopback-{container}-*"):
            twin.unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def _interfaces(path: Path) -> Iterator[tuple[str, str]]:
    """Names, and the network namespaces of those that are inside one."""
    try:
        cached = json.loads(path.read_text())
    except ValueError:
        return
    for interface in (cached.get("result") or {}).get("interfaces") or []:
        yield interface.get("name", ""), interface.get("sandbox", "")


def _drop_namespace(path: Path) -> None:
    if path.exists():
        _run("umount", "-l", str(path))
        path.unlink(missing_ok=True)


def _drop_groups(layout: Layout) -> None:
    """Innermost first; a group is removed as a folder, and its files with it."""
    for root in [_CGROUPS / layout.owner, *_CGROUPS.glob(f"*/{layout.owner}")]:
        for folder, _, _ in os.walk(root, topdown=False):
            try:
                Path(folder).rmdir()
            except OSError:
                continue


def _drop_log_links(layout: Layout) -> None:
    """Another cluster's kubelet would sweep them, but there may be none."""
    for link in _LOG_LINKS.glob("*.log"):
        if link.is_symlink() and str(link.readlink()).startswith(f"{layout.state}/"):
            link.unlink(missing_ok=True)


def _run(program: str, *arguments: str) -> None:
    """Best effort: what is already gone is as it should be."""
    found = find(program)
    if found is not None:
        subprocess.run([found, *arguments], capture_output=True, check=False)
