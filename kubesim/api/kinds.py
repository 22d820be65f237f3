"""The kinds that the embedded API server serves, and what discovery says about them.

It knows names only; what the objects may contain stands in `defaults` and the modules of `rules`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from inplace.kube.resource import Resource

#: A JSON object. Trees in storage are never changed: a change copies the path down to the changed value.
Tree = dict[str, Any]

ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
SUBRESOURCE_VERBS: Final = ("get", "patch", "update")


class Kind(Struct, frozen=True):
    """A kind of object, with its short names, categories and subresources."""

    resource: Resource
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    #: Where objects are kept; two kinds with one key are two views of the same objects.
    key: str = ""

    @property
    def qualified(self) -> str:
        """`StatefulSet.apps`, as in messages."""
        one = self.resource
        return f"{one.kind}.{one.group}" if one.group else one.kind

    @property
    def qualified_plural(self) -> str:
        """`statefulsets.apps`, as in messages."""
        one = self.resource
        return f"{one.plural}.{one.group}" if one.group else one.plural

    @property
    def storage_key(self) -> str:
        """The key of its table in storage."""
        return self.key or self.qualified_plural


def _core(plural: str, kind: str, *short: str, subresources: tuple[str, ...] = (), **options: Any) -> Kind:
    namespaced = bool(options.pop("namespaced", True))
    return Kind(Resource("", "v1", plural, kind, namespaced), short=short, subresources=subresources, **options)


def _apps(plural: str, kind: str, *short: str, scale: bool = True) -> Kind:
    below = ("scale", "status") if scale else ("status",)
    return Kind(Resource("apps", "v1", plural, kind), short=short, categories=("all",), subresources=below)


PODS: Final = _core(
    "pods",
    "Pod",
    "po",
    subresources=("binding", "ephemeralcontainers", "eviction", "log", "resize", "status"),
    categories=("all",),
)
NAMESPACES: Final = _core(
    "namespaces",
    "Namespace",
    "ns",
    namespaced=False,
    subresources=("finalize", "status"),
    verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
)
EVENTS: Final = _core("events", "Event", "ev", key="events")
MODERN_EVENTS: Final = Kind(Resource("events.k8s.io", "v1", "events", "Event"), short=("ev",), key="events")
REVIEWS: Final = Kind(
    Resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False),
    verbs=("create",),
)
PDBS: Final = Kind(
    Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"), short=("pdb",), subresources=("status",)
)
STATEFULSETS: Final = _apps("statefulsets", "StatefulSet", "sts")
DAEMONSETS: Final = _apps("daemonsets", "DaemonSet", "ds", scale=False)
DEPLOYMENTS: Final = _apps("deployments", "Deployment", "deploy")
REPLICASETS: Final = _apps("replicasets", "ReplicaSet", "rs")
NODES: Final = _core("nodes", "Node", "no", namespaced=False, subresources=("status",))
SERVICES: Final = _core("services", "Service", "svc", subresources=("status",), categories=("all",))
REVISIONS: Final = Kind(Resource("apps", "v1", "controllerrevisions", "ControllerRevision"))


def _admission(plural: str, kind: str) -> Kind:
    return Kind(Resource("admissionregistration.k8s.io", "v1", plural, kind, namespaced=False))


MUTATING_POLICIES: Final = _admission("mutatingadmissionpolicies", "MutatingAdmissionPolicy")
VALIDATING_POLICIES: Final = _admission("validatingadmissionpolicies", "ValidatingAdmissionPolicy")
#: Admission policies, each with its bindings.
POLICIES: Final[Mapping[Kind, Kind]] = {
    MUTATING_POLICIES: _admission("mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding"),
    VALIDATING_POLICIES: _admission("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"),
}

KINDS: Final = (
    PODS,
    NODES,
    NAMESPACES,
    SERVICES,
    EVENTS,
    _core("configmaps", "ConfigMap", "cm"),
    _core("secrets", "Secret"),
    _core("serviceaccounts", "ServiceAccount", "sa", subresources=("token",)),
    _core("resourcequotas", "ResourceQuota", "quota", subresources=("status",)),
    _core("persistentvolumeclaims", "PersistentVolumeClaim", "pvc", subresources=("status",)),
    REVISIONS,
    DAEMONSETS,
    DEPLOYMENTS,
    REPLICASETS,
    STATEFULSETS,
    PDBS,
    MODERN_EVENTS,
    Kind(Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")),
    Kind(Resource("coordination.k8s.io", "v1", "leases", "Lease")),
    REVIEWS,
    *POLICIES.keys(),
    *POLICIES.values(),
)

_BY_PATH: Final[Mapping[tuple[str, str, str], Kind]] = {
    (kind.resource.group, kind.resource.version, kind.resource.plural): kind for kind in KINDS
}
#: The kinds whose spec holds a Pod template.
TEMPLATED: Final = (STATEFULSETS, DAEMONSETS, DEPLOYMENTS, REPLICASETS)
#: The kinds of whose fields the managers are tracked; a server tracks them of all.
MANAGED: Final = (*TEMPLATED, PDBS)
#: What `kubectl scale` works on.
SCALED: Final = (STATEFULSETS, DEPLOYMENTS, REPLICASETS)


def find(group: str, version: str, plural: str) -> Kind | None:
    """The kind served under this path."""
    return _BY_PATH.get((group, version, plural))


def groups() -> Iterator[tuple[str, str]]:
    """Every group and version that is served, once."""
    yield from dict.fromkeys((kind.resource.group, kind.resource.version) for kind in KINDS)


def of_group(group: str, version: str) -> list[Kind]:
    """The kinds of one group and version."""
    return [kind for kind in KINDS if (kind.resource.group, kind.resource.version) == (group, version)]
