"""The cluster that tests run against: ours, or one that is already running.

What only ours can do, stopping a part of it, is refused for others with a clear line.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import components, containers, layout, lifecycle
from hack.cluster.settings import NODE, ClusterError, cluster_name, state_root, wish


@dataclass(frozen=True)
class Cluster:
    """How to reach a cluster and its registry. `audit_log` is None if there is none that we can read."""

    name: str
    kubeconfig: Path
    server: str
    registry: str
    audit_log: Path | None
    k8s: str
    runtime: str
    node: str
    state: Path
    ours: bool = True


def current(*, hollow: bool = False) -> Cluster:
    """The cluster of KUBECONFIG and REGISTRY if both are set, else the running one of this machine."""
    kubeconfig, registry = os.environ.get("KUBECONFIG"), os.environ.get("REGISTRY")
    if kubeconfig and registry:
        return _foreign(Path(kubeconfig), registry)
    name = cluster_name(hollow=hollow)
    found = layout.load(name)
    if found is None or not lifecycle.running(found) or bool(found.hollow) != hollow:
        kind, how = ("hollow cluster", " HOLLOW=20") if hollow else ("cluster", "")
        raise ClusterError(f"no {kind} {name} is running: start it with make cluster-up{how}")
    return describe(found)


def up(name: str | None = None, k8s: str | None = None, runtime: str | None = None, hollow: int = 0) -> Cluster:
    """Start a cluster unless it runs."""
    return describe(lifecycle.up(wish(name, k8s, runtime, hollow)))


def down(name: str | None = None) -> bool:
    """Stop a cluster; False if there was none."""
    return lifecycle.down(cluster_name(name))


def restart_apiserver(cluster: Cluster, *, pause: float = 0.0) -> None:
    """Stop the API server, and start it again after `pause` seconds."""
    lifecycle.restart(_ours(cluster), "kube-apiserver", pause=pause)


def set_admission_plugins(cluster: Cluster, *names: str) -> None:
    """Restart the API server with these admission plugins besides its own; without names with its own alone."""
    own = _ours(cluster)
    if names:
        own.plugins.write_text(",".join(names))
    else:
        own.plugins.unlink(missing_ok=True)
    lifecycle.restart(own, "kube-apiserver")


def kill_kubelet(cluster: Cluster) -> None:
    """SIGKILL; its containers run on."""
    components.stop(_ours(cluster), "kubelet", patience=0)


def start_kubelet(cluster: Cluster) -> None:
    """Start the kubelet again and wait until its node is Ready."""
    lifecycle.start(_ours(cluster), "kubelet")


def kill_container(cluster: Cluster, container: str) -> None:
    """SIGKILL of a container's first process, by the id that its Pod's status has."""
    containers.kill(_ours(cluster), container)


def cut_off(cluster: Cluster, container: str) -> AbstractContextManager[None]:
    """The container's Pod has no network while the block runs."""
    return containers.cut_off(_ours(cluster), container)


def describe(found: layout.Layout) -> Cluster:
    """A cluster of ours."""
    return Cluster(
        name=found.name,
        kubeconfig=found.kubeconfig,
        server=found.server,
        registry=found.registry,
        audit_log=found.audit_log,
        k8s=found.k8s,
        runtime=found.runtime,
        node=NODE,
        state=found.state,
    )


def _foreign(kubeconfig: Path, registry: str) -> Cluster:
    audit = os.environ.get("AUDIT_LOG")
    state = state_root() / "foreign"
    state.mkdir(parents=True, exist_ok=True)
    return Cluster("foreign", kubeconfig, "", registry, Path(audit) if audit else None, "", "", "", state, ours=False)


def _ours(cluster: Cluster) -> layout.Layout:
    found = layout.load(cluster.name) if cluster.ours else None
    if found is None:
        raise ClusterError("only a cluster started by make cluster-up can have its parts stopped")
    return found
