"""Which running containers a pass of the kubelet ends to start others in their place (computePodActions).

Pure. Knows nothing of `inplace.core.pod.prediction`, which the same rules are told by, and which is held against this.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.kubelet import resizing
from kubesim.kubelet.container import Container, Tree
from kubesim.kubelet.status import is_sidecar


def replaced(pod: Tree, containers: Mapping[str, Container], now: float, *, sidecars: bool) -> list[Tree]:
    """Their specs. `sidecars`: whether a sidecar is, once its startup probe has succeeded."""
    regular, inits = pod["spec"]["containers"], pod["spec"].get("initContainers") or []
    found = []
    for spec in (*regular, *inits):
        container = containers[spec["name"]]
        watched = spec in regular or (sidecars and is_sidecar(spec) and container.has_started(now))
        if container.failed_startup(now) or (watched and _is_other(spec, container)):
            found.append(spec)
    return found


def _is_other(spec: Tree, container: Container) -> bool:
    """Whether its image is not the spec's, compared as a text (HashContainer, 1.31 and later), or its size asks for a
    restart."""
    return container.running and (container.reference != spec["image"] or resizing.restarts(spec, container))
