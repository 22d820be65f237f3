"""What may be asked for and where things live: versions, names, folders.

Knows nothing of how a cluster is built, started or stopped. Every folder is worked out when it is needed, from
the environment, so that no file of the project carries a path of somebody's machine.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

# The patch releases are those that the Go module proxy serves with all their staging modules.
KUBERNETES = {"1.33": "1.33.13", "1.34": "1.34.4", "1.35": "1.35.4", "1.36": "1.36.3"}
# 2.2 is built from its Go module; 1.6 is Debian's package.
RUNTIMES = {"2.2": "2.2.9", "1.6": "1.6"}
ETCD = "3.6.6"
DEFAULT_KUBERNETES = "1.36"
DEFAULT_RUNTIME = "2.2"
DEFAULT_NAME = "main"
DEFAULT_HOLLOW_NAME = "hollow"
# /api/v1/nodes/localhost: the API server reaches the kubelet by the node's name, and on loopback only.
NODE = "localhost"
# A unix socket's path ends at 107 bytes, and the kubelet puts sockets under the state folder.
LONGEST_STATE = 70


class ClusterError(Exception):
    """Something the caller can act on; its text is one clear line."""


@dataclass(frozen=True)
class Wish:
    """What the caller asked for; None if any running cluster will do."""

    name: str = DEFAULT_NAME
    k8s: str | None = None
    runtime: str | None = None
    hollow: int = 0


def wish(
    name: str | None = None, k8s: str | None = None, runtime: str | None = None, hollow: int | None = None
) -> Wish:
    """The arguments, else the environment, else the defaults; refuses what cannot be had."""
    chosen_k8s = k8s or os.environ.get("K8S") or None
    chosen_runtime = runtime or os.environ.get("RUNTIME") or None
    if chosen_k8s is not None and chosen_k8s not in KUBERNETES:
        raise ClusterError(f"no Kubernetes {chosen_k8s!r} here: K8S (--k8s) is one of {', '.join(KUBERNETES)}")
    if chosen_runtime is not None and chosen_runtime not in RUNTIMES:
        raise ClusterError(
            f"no containerd {chosen_runtime!r} here: RUNTIME (--runtime) is one of {', '.join(RUNTIMES)}"
        )
    nodes = hollow or 0
    if nodes < 0:
        raise ClusterError(f"--hollow {nodes} makes no sense: give the number of nodes, or leave it out")
    return Wish(cluster_name(name, hollow=bool(nodes)), chosen_k8s, chosen_runtime, nodes)


def cluster_name(name: str | None = None, *, hollow: bool = False) -> str:
    """The cluster's name: the argument, else CLUSTER, else the default; it becomes a folder's name."""
    chosen = name or os.environ.get("CLUSTER") or (DEFAULT_HOLLOW_NAME if hollow else DEFAULT_NAME)
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?", chosen):
        raise ClusterError(
            f"{chosen!r} cannot name a cluster: CLUSTER (--name) is 1 to 20 lower-case letters, digits and inner dashes"
        )
    return chosen


def _folder(own: str, standard: str, fallback: str) -> Path:
    """`own` names our folder itself, `standard` and `fallback` the folder it is in."""
    if value := os.environ.get(own):
        return Path(value).absolute()
    if value := os.environ.get(standard):
        return Path(value).absolute() / "inplace"
    return Path.home() / fallback / "inplace"


def cache_root() -> Path:
    """What may be thrown away and costs minutes to make again: compiled binaries."""
    return _folder("INPLACE_CACHE", "XDG_CACHE_HOME", ".cache")


def state_root() -> Path:
    """The folder of all clusters' state folders."""
    return _folder("INPLACE_STATE", "XDG_STATE_HOME", ".local/state")


def state_folder(name: str) -> Path:
    """Everything one cluster writes, but for its sockets."""
    folder = state_root() / name
    if len(str(folder)) > LONGEST_STATE:
        raise ClusterError(
            f"{folder} is too long for the sockets below it: set INPLACE_STATE to a folder of at most "
            f"{LONGEST_STATE - 21} characters"
        )
    return folder


def run_root() -> Path:
    """Short paths for sockets, one folder per running cluster of this machine (of this user, without root)."""
    if os.geteuid() == 0:
        return Path("/run/inplace")
    return Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp") / f"inplace-{os.geteuid()}"
