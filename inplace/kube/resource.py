"""Resources and their paths on the server."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from msgspec import Struct


class Resource(Struct, frozen=True):
    """A kind of object as the API knows it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
        """The URL path; of all namespaces if none is given. A name is one segment of it, whatever it holds."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{_segment(namespace)}" if self.namespaced and namespace else ""
        item = f"/{_segment(name)}" if name else ""
        suffix = f"/{subresource}" if subresource else ""
        return f"{root}{scope}/{self.plural}{item}{suffix}"

    @property
    def api_version(self) -> str:
        """The `apiVersion` of objects."""
        return f"{self.group}/{self.version}" if self.group else self.version


def _segment(name: str) -> str:
    """Encoded; names come from references, too, which anybody may write: `../../../nodes/x` would be another object."""
    return name.replace(".", "%2E") if name in {".", ".."} else quote(name, safe="")


PODS: Final = Resource("", "v1", "pods", "Pod")
NODES: Final = Resource("", "v1", "nodes", "Node", namespaced=False)
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
SERVICES: Final = Resource("", "v1", "services", "Service")
SERVICEACCOUNTS: Final = Resource("", "v1", "serviceaccounts", "ServiceAccount")
PERSISTENTVOLUMECLAIMS: Final = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
STATEFULSETS: Final = Resource("apps", "v1", "statefulsets", "StatefulSet")
DAEMONSETS: Final = Resource("apps", "v1", "daemonsets", "DaemonSet")
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")
REPLICASETS: Final = Resource("apps", "v1", "replicasets", "ReplicaSet")
CONTROLLERREVISIONS: Final = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
EVENTS: Final = Resource("", "v1", "events", "Event")
PODDISRUPTIONBUDGETS: Final = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
ENDPOINTSLICES: Final = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
SELFSUBJECTACCESSREVIEWS: Final = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)

_ADMISSION: Final = "admissionregistration.k8s.io"
MUTATINGBINDINGS: Final = Resource(
    _ADMISSION, "v1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", namespaced=False
)
VALIDATINGBINDINGS: Final = Resource(
    _ADMISSION, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", namespaced=False
)

ALL: Final = (
    PODS,
    NODES,
    NAMESPACES,
    SERVICES,
    SERVICEACCOUNTS,
    PERSISTENTVOLUMECLAIMS,
    STATEFULSETS,
    DAEMONSETS,
    DEPLOYMENTS,
    REPLICASETS,
    CONTROLLERREVISIONS,
    LEASES,
    EVENTS,
    PODDISRUPTIONBUDGETS,
    ENDPOINTSLICES,
    SELFSUBJECTACCESSREVIEWS,
    MUTATINGBINDINGS,
    VALIDATINGBINDINGS,
)


def find(group: str, plural: str) -> Resource:
    """The resource of this group and name; raises KeyError if it is unknown."""
    for resource in ALL:
        if (resource.group, resource.plural) == (group, plural):
            return resource
    raise KeyError(f"{plural}.{group}")
