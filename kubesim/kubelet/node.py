"""A node: the images it has, the addresses it gives, and its Node object."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from kubesim.kubelet.catalogue import Catalogue, Image, repository
from kubesim.kubelet.container import Tree
from kubesim.kubelet.machinery import Abilities
from kubesim.objects import stamp

#: node.status.images names at most this many (nodeStatusMaxImages).
MOST_IMAGES: Final = 50
#: ... each by at most so many of its names, digests first (MaxNamesPerImageInNodeStatus).
MOST_NAMES: Final = 5


_READY: Final = {
    "type": "Ready",
    "status": "True",
    "reason": "KubeletReady",
    "message": "the model kubelet is ready",
}
_NO_NETWORK: Final = {
    "type": "Ready",
    "status": "False",
    "reason": "KubeletNotReady",
    "message": "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
    "message:Network plugin returns error: cni plugin not initialized",
}


@dataclass
class NodeState:
    """What a node has, whether or not its kubelet is alive."""

    name: str
    number: int
    catalogue: Catalogue
    alive: bool = True
    #: Whether its network agent works: without one its kubelet touches Pods on the host's network only.
    networked: bool = True
    #: Digest -> the names by which the image was pulled, in that order.
    images: dict[str, list[str]] = field(default_factory=dict)
    addresses: int = 0
    #: What may be requested on it; and by the uid of a Pod, what its containers have been given.
    room: dict[str, str] = field(default_factory=lambda: {"cpu": "64", "memory": "256Gi"})
    given: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    #: Whether the Node object is behind, and when it was last written and first Ready.
    dirty: bool = False
    reported: float = 0.0
    ready_since: datetime | None = None

    def has(self, reference: str) -> bool:
        """Whether an image needs no pull (LocalResolve: a digest is enough)."""
        image = self.catalogue.find(reference)
        if image is None or image.digest not in self.images:
            return False
        return "@" in reference or reference in self.images[image.digest]

    def keep(self, reference: str, image: Image) -> None:
        """An image was pulled: its tag is no name of another image any more."""
        for digest, others in self.images.items():
            if digest != image.digest and reference in others and "@" not in reference:
                others.remove(reference)
        names = self.images.setdefault(image.digest, [])
        for name in (reference, f"{repository(reference)}@{image.digest}"):
            if name not in names and not (":" in name.rpartition("/")[2].partition("@")[0] and "@" in name):
                names.append(name)
                self.dirty = True

    def shown(self, reference: str, image: Image) -> str:
        """What a status shows as `image`: the first tag under which these bytes came."""
        tags = [name for name in self.images.get(image.digest, ()) if "@" not in name]
        return tags[0] if tags else reference

    def new_address(self) -> str:
        """The address of the next Pod."""
        self.addresses += 1
        return f"10.{64 + self.number // 250}.{self.number % 250}.{self.addresses % 254 + 1}"

    def tree(self, version: str, now: datetime) -> Tree:
        """The Node object."""
        host = {"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        return {"metadata": {"name": self.name, "labels": host}, "status": self.status(version, now)}

    def status(self, version: str, now: datetime) -> Tree:
        """Its status."""
        self.ready_since = self.ready_since or now
        room = {**self.room, "pods": "10000", "ephemeral-storage": "1Ti"}
        ready = _READY if self.networked else _NO_NETWORK
        times = {"lastHeartbeatTime": stamp(now), "lastTransitionTime": stamp(self.ready_since)}
        info = {"kubeletVersion": version, "containerRuntimeVersion": "containerd://2.2.9", "operatingSystem": "linux"}
        declared = Abilities(version).declares
        empty = ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "kubeProxyVersion")
        images = [{"names": _listed(names), "sizeBytes": 1} for names in self.images.values()]
        return {
            "capacity": room,
            "allocatable": room,
            "conditions": [ready | times],
            "addresses": [{"type": "InternalIP", "address": f"10.0.{self.number // 250}.{self.number % 250 + 1}"}],
            "nodeInfo": dict.fromkeys(empty, "") | info | {"architecture": "amd64"},
            "images": images[-MOST_IMAGES:],
            **({"declaredFeatures": list(declared)} if declared else {}),
        }


def _listed(names: list[str]) -> list[str]:
    return sorted(names, key=lambda name: "@" not in name)[:MOST_NAMES]
