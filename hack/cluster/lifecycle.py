"""A cluster comes up and goes down: the order of things, and how to tell that each is ready.

Knows no flags and no files of the components.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from hack.cluster import (
    build,
    certificates,
    client,
    components,
    configuration,
    groups,
    layout,
    leftovers,
    network,
    packages,
    registry,
)
from hack.cluster.hollow import node_name
from hack.cluster.layout import Layout
from hack.cluster.settings import DEFAULT_KUBERNETES, DEFAULT_RUNTIME, NODE, ClusterError, Wish, state_root

START_SECONDS = 90.0
#: How long Pods may take to end by themselves before their containers are killed.
EMPTY_SECONDS = 20.0


def up(wish: Wish) -> Layout:
    """The cluster, started now unless it runs; raises ClusterError with one line that names the log to read."""
    with _alone(wish.name):
        found = layout.load(wish.name)
        if found is not None and running(found):
            _fits(found, wish)
            return found
        if found is not None:
            _down(found)
        _prepare(wish)
        return _start(layout.take(wish))


def down(name: str) -> bool:
    """Stop it and leave nothing behind; False if there was none."""
    with _alone(name):
        found = layout.load(name)
        if found is None:
            return False
        _down(found)
        return True


def running(found: Layout) -> bool:
    """Whether `up` came to its end and every process is still there."""
    return found.finished.exists() and all(components.pid(found, name) is not None for name in components.of(found))


def compile_all(wish: Wish) -> None:
    """Everything that `up` would compile."""
    for recipe in components.recipes(_draft(wish)).values():
        build.ensure(recipe)


def restart(found: Layout, name: str, *, pause: float = 0.0) -> None:
    """Stop one process and start it again on the same ports, ready before this returns."""
    components.stop(found, name)
    time.sleep(pause)
    start(found, name)


def start(found: Layout, name: str) -> None:
    """Start one process that was stopped, and wait until it does its work."""
    components.start(found, name)
    check = partial(client.node_ready, found, NODE) if name == "kubelet" else partial(client.serving, found)
    _until(found, name, name, check)


def _prepare(wish: Wish) -> None:
    """Whatever must be on the machine; before anything is started or written."""
    needs = dict(packages.CONTROL_PLANE)
    if not wish.hollow:
        if os.geteuid() != 0:
            raise ClusterError("a kubelet needs root: run as root, or use --hollow N for a control plane alone")
        needs |= packages.IMAGES | packages.NODE | packages.PROMETHEUS
        needs |= packages.CONTAINERD_16 if wish.runtime == "1.6" else {}
    packages.ensure(needs)
    compile_all(wish)


def _start(made: Layout) -> Layout:
    certificates.create(made)
    configuration.write_control_plane(made)
    components.start(made, "etcd")
    components.start(made, "kube-apiserver")
    _until(made, "API server", "kube-apiserver", partial(client.serving, made))
    components.start(made, "kube-controller-manager")
    components.start(made, "kube-scheduler")
    if made.hollow:
        components.start(made, components.HOLLOW)
        for number in (0, made.hollow - 1):
            check = partial(client.node_ready, made, node_name(number))
            _until(made, f"node {node_name(number)}", components.HOLLOW, check)
    else:
        _start_node(made)
    _until(made, "default ServiceAccount", "kube-controller-manager", partial(client.usable, made))
    made.finished.touch()
    return made


def _start_node(made: Layout) -> None:
    configuration.write_node(made)
    network.create(made)
    components.start(made, "registry")
    components.start(made, "containerd")
    _until(made, "registry", "registry", partial(registry.answers, made.registry))
    registry.push_all(made.registry)
    _until(made, "containerd", "containerd", made.socket.exists)
    components.start(made, "kube-proxy")
    groups.make(made)
    components.start(made, "kubelet")
    _until(made, "Ready node", "kubelet", partial(client.node_ready, made, NODE))
    _until(made, "way to Services", "kube-proxy", partial(client.serving, made, made.service))


def _until(made: Layout, what: str, name: str, check: Callable[[], bool]) -> None:
    client.until(what, check, seconds=START_SECONDS, dead=partial(components.died, made, name), log=made.log(name))


def _down(found: Layout) -> None:
    """Pods end first, as long as there is a kubelet to end them; then the processes, then what is left."""
    for name in ("kube-controller-manager", "kube-scheduler"):
        components.stop(found, name)
    if not found.hollow and components.pid(found, "kubelet") is not None:
        _empty(found)
    for name in reversed(components.of(found)):
        components.stop(found, name)
    leftovers.remove(found)
    layout.release(found)


def _empty(found: Layout) -> None:
    """Delete all Pods and wait until the kubelet has torn them down, networks included."""
    deadline = time.monotonic() + EMPTY_SECONDS
    asked: set[str] = set()
    while time.monotonic() < deadline:
        listed = client.call(found, "GET", "/api/v1/pods")
        pods = listed.get("items", []) if isinstance(listed, dict) else []
        if not pods:
            return
        for pod in pods:
            meta = pod["metadata"]
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
            if path not in asked:
                asked.add(path)
                client.call(found, "DELETE", path, {"gracePeriodSeconds": 1})
        time.sleep(0.2)


def _fits(found: Layout, wish: Wish) -> None:
    """A cluster that runs is not silently taken for another one."""
    if found.hollow != wish.hollow:
        has = f"has {found.hollow} hollow nodes" if found.hollow else "has a real node"
        raise ClusterError(f"cluster {found.name} {has}: stop it first, or give another CLUSTER (--name)")
    for asked, has, word in ((wish.k8s, found.minor, "Kubernetes"), (wish.runtime, found.runtime, "containerd")):
        if asked is not None and asked != has:
            raise ClusterError(
                f"cluster {found.name} runs {word} {has}, not {asked}: stop it first, or give another CLUSTER (--name)"
            )


def _draft(wish: Wish) -> Layout:
    """A place that is never taken, to ask what it would need."""
    minor, runtime = wish.k8s or DEFAULT_KUBERNETES, wish.runtime or DEFAULT_RUNTIME
    return Layout(wish.name, minor, runtime, wish.hollow, 0, state_root() / wish.name)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Two commands on one cluster wait for each other."""
    state_root().mkdir(parents=True, exist_ok=True)
    with (state_root() / f".{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
