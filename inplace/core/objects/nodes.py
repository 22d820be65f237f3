"""Partial structs of Nodes: whether a kubelet can act, and which images it lists."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from msgspec import Raw

from inplace.core.objects.model import Condition, Meta, Part, Pod
from inplace.core.objects.reading import UNREADABLE

#: The longest list of a node's images that is read, in bytes of JSON: some thousand images.
LONGEST_IMAGES: Final = 256 * 1024
#: Taints of the cluster autoscaler and of Karpenter on nodes that they are removing.
_LEAVING: Final = frozenset({"ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted", "karpenter.sh/disruption"})
#: All that a kubelet says that only waits for its network (kubelet, `ReadyCondition`: its errors, comma-separated).
_NO_NETWORK: Final = re.compile(r"\[?container runtime network not ready: NetworkReady=false[^,\]]*\]?")


class NodeInfo(Part, frozen=True):
    """NodeSystemInfo."""

    kubelet_version: str = ""


class NodeImage(Part, frozen=True):
    """An entry of a Node's `status.images`: an image by its names. One without a name is listed with null."""

    names: tuple[str, ...] | None = None


class NodeStatus(Part, frozen=True):
    """NodeStatus. `images` stays raw: it is large, and decoded only if there is little other evidence (`evidence`)."""

    conditions: tuple[Condition, ...] = ()
    node_info: NodeInfo = NodeInfo()
    images: Raw = Raw(b"[]")

    def lists(self, digest: str) -> bool:
        """Whether it lists an image with this digest, by the text of it alone: that is asked of each Pod anew."""
        return digest.encode() in bytes(self.images)

    def image_names(self) -> list[tuple[str, ...]]:
        """The names of each listed image. A list that cannot be decoded is as good as none: it only supports proofs.

        So is one that is longer than any kubelet's: of 50 images, or as many as are kept if that is not limited.
        """
        if len(bytes(self.images)) > LONGEST_IMAGES:
            return []
        try:
            return [image.names or () for image in msgspec.json.decode(self.images, type=tuple[NodeImage, ...])]
        except UNREADABLE:
            return []


class Taint(Part, frozen=True):
    """A taint of a Node."""

    key: str = ""


class NodeSpec(Part, frozen=True):
    """NodeSpec."""

    taints: tuple[Taint, ...] = ()


class Node(Part, frozen=True):
    """A Node."""

    metadata: Meta = Meta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    @property
    def ready(self) -> bool:
        """Whether the node's kubelet reports in and says that it is Ready."""
        return any(c.type == "Ready" and c.status == "True" for c in self.status.conditions)

    @property
    def lacks_only_network(self) -> bool:
        """Whether the node's kubelet reports in, and is not Ready for want of a network alone."""
        own = next((c for c in self.status.conditions if c.type == "Ready"), None)
        return own is not None and own.status == "False" and bool(_NO_NETWORK.fullmatch(own.message))

    @property
    def is_leaving(self) -> bool:
        """Whether an autoscaler has begun to remove the node."""
        return any(taint.key in _LEAVING for taint in self.spec.taints)

    def can_run(self, pod: Pod) -> bool:
        """Whether its kubelet can replace containers of this Pod.

        One that reports in and lacks nothing but its network can for Pods on the host's network, which is how the agent
        that brings the network is mended (kubelet, `runtimeState.networkErrors`).
        """
        return self.ready or (self.lacks_only_network and pod.spec.host_network)
