"""EndpointSlices: which Pods a Service still sends traffic to."""

from __future__ import annotations

from typing import Final

from inplace.core.objects.model import Meta, Part

_MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
_SLICE_CONTROLLER: Final = "endpointslice-controller.k8s.io"


class EndpointConditions(Part, frozen=True):
    """EndpointConditions. `ready` lies for Services that publish addresses of Pods that are not."""

    ready: bool | None = None
    serving: bool | None = None


class Target(Part, frozen=True):
    """The ObjectReference of an endpoint."""

    name: str = ""
    uid: str = ""


class Endpoint(Part, frozen=True):
    """An endpoint of a Service."""

    conditions: EndpointConditions = EndpointConditions()
    target_ref: Target | None = None

    @property
    def serves(self) -> bool:
        """Whether traffic may be sent there; what is not said is true (discovery/v1, EndpointConditions)."""
        if self.conditions.serving is not None:
            return self.conditions.serving
        return self.conditions.ready is not False


class EndpointSlice(Part, frozen=True):
    """An EndpointSlice."""

    metadata: Meta = Meta()
    endpoints: tuple[Endpoint, ...] | None = None
    #: It could not be decoded, and this stands in its place (`cluster.unreadable`).
    unreadable: bool = False

    def targets(self) -> dict[str, str]:
        """The serving Pods, by uid with their names; empty for a slice that another controller manages."""
        if self.metadata.label(_MANAGED_BY) != _SLICE_CONTROLLER:
            return {}
        targets = ((endpoint.target_ref, endpoint.serves) for endpoint in self.endpoints or ())
        return {target.uid: target.name for target, serves in targets if target is not None and serves}
