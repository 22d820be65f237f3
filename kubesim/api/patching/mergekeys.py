"""Which lists merge by key, and by which: the `patchMergeKey` tags of k8s.io/api.

The field's name is enough, except where two kinds use one name differently. Lists that are not here are atomic:
tolerations, readinessGates, containerStatuses, command, args, a Node's taints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Lists of plain values that merge as sets.
PRIMITIVE: Final = frozenset({"finalizers"})

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "ports": ("containerPort", "protocol"),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "conditions": ("type",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "ownerReferences": ("uid",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "resourceClaims": ("name",),
    "podIPs": ("ip",),
    "hostIPs": ("ip",),
    "addresses": ("type",),
}
_SERVICE_PORTS: Final = ("port", "protocol")
_ATOMIC_IN: Final[Mapping[str, frozenset[str]]] = {
    "EndpointSlice": frozenset({"ports", "addresses", "conditions"}),
}


def keys(kind: str, field: str) -> tuple[str, ...]:
    """The keys of a list, empty if it is atomic."""
    if field in _ATOMIC_IN.get(kind, ()):
        return ()
    if kind == "Service" and field == "ports":
        return _SERVICE_PORTS
    return _KEYS.get(field, ())


def key(kind: str, field: str) -> str:
    """The one key that strategic merge uses, empty if the list is atomic."""
    found = keys(kind, field)
    return found[0] if found else ""
