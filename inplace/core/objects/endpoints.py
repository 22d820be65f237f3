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

    def targets(self) -> dict[str, str]:
        """The Pods that serve by it, by uid with their names; none of a slice that somebody else manages."""
        if self.metadata.label(_MANAGED_BY) != _SLICE_CONTROLLER:
            return {}
        every = ((one.target_ref, one.serves) for one in self.endpoints or ())
        return {target.uid: target.name for target, serves in every if target is not None and serves}
