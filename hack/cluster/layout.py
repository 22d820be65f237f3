"""Where one cluster is: its folders, ports, subnet and names, chosen once and written down.

Knows how to take a place that no other cluster of this machine has, and how to give it back. Knows nothing of
what runs there.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from hack.cluster.packages import find
from hack.cluster.settings import (
    DEFAULT_KUBERNETES,
    DEFAULT_RUNTIME,
    KUBERNETES,
    ClusterError,
    Wish,
    run_root,
    state_folder,
    state_root,
)

SLOTS = 40
# Below the range from which the system takes the ports of outgoing connections: a port in that range could be
# taken while the API server that owns it is being restarted.
FIRST_PORT = 21000
PORTS = ("apiserver", "etcd", "etcd_peer", "registry", "kubelet", "kubelet_health")


@dataclass(frozen=True)
class Layout:
    """One cluster's place on the machine."""

    name: str
    minor: str
    runtime: str
    hollow: int
    slot: int
    state: Path

    @property
    def k8s(self) -> str:
        """The full version."""
        return KUBERNETES[self.minor]

    @property
    def run(self) -> Path:
        """The folder of the sockets."""
        return run_root() / str(self.slot)

    @property
    def socket(self) -> Path:
        """Where containerd listens."""
        return self.run / "containerd.sock"

    @property
    def owner(self) -> str:
        """The name for what is not in our folders: the CNI network and the control groups."""
        return f"inplace-{self.slot}"

    @property
    def subnet(self) -> str:
        """The Pods' addresses."""
        return _subnet(self.slot)

    @property
    def services(self) -> str:
        """The Services' addresses."""
        return _beyond_pods(self.slot, "0.0/17")

    @property
    def service(self) -> str:
        """The address of the API server's own Service, the first of them."""
        return _beyond_pods(self.slot, "0.1")

    @property
    def gateway(self) -> str:
        """The machine's end of the link to the namespace of the Services, where the API server is for Pods."""
        return _beyond_pods(self.slot, "255.1")

    @property
    def proxy(self) -> str:
        """The other end."""
        return _beyond_pods(self.slot, "255.2")

    @property
    def server(self) -> str:
        """The API server's address."""
        return f"https://127.0.0.1:{self.port('apiserver')}"

    @property
    def registry(self) -> str:
        """The registry's address, which is the prefix of its images."""
        return f"127.0.0.1:{self.port('registry')}"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.state / "admin.kubeconfig"

    @property
    def audit_log(self) -> Path:
        """One JSON line per request."""
        return self.state / "audit.log"

    @property
    def plugins(self) -> Path:
        """Names the admission plugins of the API server besides its own, separated by commas; need not exist."""
        return self.state / "admission-plugins"

    @property
    def finished(self) -> Path:
        """The mark that `up` came to its end."""
        return self.state / "ready"

    def port(self, of: str) -> int:
        """The port of one of the listeners."""
        return FIRST_PORT + self.slot * 20 + PORTS.index(of)

    def log(self, process: str) -> Path:
        """What a process prints."""
        return self.state / "logs" / f"{process}.log"

    def secret(self, user: str) -> str:
        """A user's token; on loopback, for a throw-away cluster, it has to be told apart and not to be guessed."""
        return (self.state / "tokens" / user).read_text().strip()


def load(name: str) -> Layout | None:
    """The cluster's place as it was written down, if it has one."""
    state = state_folder(name)
    try:
        written = json.loads((state / "cluster.json").read_text())
    except FileNotFoundError:
        return None
    return Layout(**{**written, "state": state})


def names() -> list[str]:
    """The clusters that have a place."""
    return sorted(path.parent.name for path in state_root().glob("*/cluster.json"))


def take(wish: Wish) -> Layout:
    """Choose a free place and write it down before anything is started there."""
    state = state_folder(wish.name)
    runtime = wish.runtime or DEFAULT_RUNTIME
    layout = Layout(wish.name, wish.k8s or DEFAULT_KUBERNETES, runtime, wish.hollow, _free_slot(state), state)
    for folder in (state, state / "logs", state / "pids", state / "tokens"):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    draft = state / "cluster.json.new"
    draft.write_text(json.dumps({**asdict(layout), "state": str(state)}, indent=1) + "\n")
    draft.rename(state / "cluster.json")
    return layout


def release(layout: Layout) -> None:
    """Let another cluster have the place; what is in the folder of the sockets is gone by now."""
    (layout.run / "owner").unlink(missing_ok=True)
    for entry in layout.run.glob("*"):
        entry.unlink()
    if layout.run.is_dir():
        layout.run.rmdir()
    if run_root().is_dir() and not any(run_root().iterdir()):
        run_root().rmdir()


def _free_slot(state: Path) -> int:
    """Making a folder is atomic, so two clusters that start at once cannot get the same slot."""
    used = list(_networks())
    run_root().mkdir(mode=0o700, parents=True, exist_ok=True)
    for slot in range(SLOTS):
        folder = run_root() / str(slot)
        if not _reserve(folder, state):
            continue
        if _ports_free(slot) and not any(ipaddress.ip_network(_subnet(slot)).overlaps(one) for one in used):
            return slot
        (folder / "owner").unlink()
        folder.rmdir()
    raise ClusterError(f"all {SLOTS} places for clusters on this machine are taken: see {run_root()}")


def _reserve(folder: Path, state: Path) -> bool:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        # Ours from an `up` that was killed before it could write the choice down.
        owner = folder / "owner"
        if not owner.exists() or owner.read_text() != str(state):
            return False
    (folder / "owner").write_text(str(state))
    return True


def _ports_free(slot: int) -> bool:
    for index in range(len(PORTS)):
        with socket.socket() as probe:
            # As servers do; without it a connection that has just ended counts as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", FIRST_PORT + slot * 20 + index))
            except OSError:
                return False
    return True


def _networks() -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """What this machine has routes to; empty if there is no `ip`, which only clusters without Pods allow."""
    if os.geteuid() != 0 or (program := find("ip")) is None:
        return
    listed = subprocess.run([program, "-4", "-o", "route", "show", "table", "all"], capture_output=True, check=False)
    for line in listed.stdout.decode().splitlines():
        for word in line.split()[:2]:
            try:
                yield ipaddress.ip_network(word, strict=False)
            except ValueError:
                continue


def _subnet(slot: int) -> str:
    return f"10.{100 + slot}.0.0/16"


def _beyond_pods(slot: int, rest: str) -> str:
    """In the network of the cluster's Services, which no cluster's Pods are in."""
    return f"10.{100 + SLOTS + slot}.{rest}"
