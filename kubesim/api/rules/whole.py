"""The resources of a Pod as a whole, beside those of its containers
(pkg/apis/core/v1/defaults.go defaultPodRequests, validatePodResourceConsistency, validatePodLevelResourcesResize).

Pure. Large pages are not modelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from kubesim.api.failure import Cause, forbidden_value, invalid_value
from kubesim.api.kinds import Tree
from kubesim.quantities import NAMES, quantity, together, written

_SIDES: Final = ("requests", "limits")
_WHERE: Final = "spec.resources"


def defaulted(spec: Tree) -> Tree:
    """With limits, requests that are missing: what the containers request together, else as much as the limit."""
    own = spec.get("resources") or {}
    if not own.get("limits"):
        return spec
    summed = {name: written(name, amount) for name, amount in _together(spec).items()}
    return {**spec, "resources": {**own, "requests": {**own["limits"], **summed, **(own.get("requests") or {})}}}


def validate(spec: Tree) -> Iterator[Cause]:
    """It is no smaller than its containers together, nor its limit than that of one."""
    own = spec.get("resources")
    if not own:
        return
    requests, limits = (own.get(side) or {} for side in _SIDES)
    for name in NAMES:
        if name in limits and name in requests and quantity(requests[name]) > quantity(limits[name]):
            why = f"must be less than or equal to {name} limit of {limits[name]}"
            yield invalid_value(f"{_WHERE}.requests", requests[name], why)
    for name, amount in _together(spec).items():
        if name in requests and amount > quantity(requests[name]):
            why = f"must be greater than or equal to aggregate container requests of {written(name, amount)}"
            yield invalid_value(f"{_WHERE}.requests[{name}]", requests[name], why)
    for n, one in enumerate(spec.get("containers") or ()):
        for name, limit in ((one.get("resources") or {}).get("limits") or {}).items():
            if name in limits and quantity(limit) > quantity(limits[name]):
                why = f"must be less than or equal to pod limits of {limits[name]}"
                yield invalid_value(f"{_WHERE}.containers[{n}][{name}].limits", limit, why)


def validate_resize(old: Tree, new: Tree) -> Iterator[Cause]:
    """cpu and memory change and come, and nothing goes."""
    before, after = old.get("resources"), new.get("resources")
    if before is not None and after is None:
        yield forbidden_value(_WHERE, "pod-level resources cannot be removed")
        return
    for side in _SIDES:
        was, now = ((one or {}).get(side) or {} for one in (before, after))
        if set(was) - set(now):
            yield forbidden_value(f"{_WHERE}.{side}", f"pod-level resource {side} cannot be removed")
        if any(was.get(name) != now.get(name) for name in {*was, *now} if name not in NAMES):
            yield forbidden_value("spec", "only cpu and memory resources are mutable at pod-level")


def _together(spec: Tree) -> dict[str, Decimal]:
    return together(spec.get("containers") or (), spec.get("initContainers") or ())
