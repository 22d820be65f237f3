"""What stands in a cache for an object that cannot be decoded, as one of a later version may be: the worst it may say.

Of most objects none is better than one that is out of date, and whoever needs them waits. But what protects Pods
protects nothing if it is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from inplace.core.objects.endpoints import EndpointSlice
from inplace.core.objects.model import ManagedMeta, Meta
from inplace.core.objects.workloads import LabelSelector, Pdb, PdbSpec
from inplace.kube.watch import Lost


def _budget(which: Lost) -> Pdb:
    """It selects every Pod of its namespace, and allows nothing."""
    meta = ManagedMeta(which.name, which.namespace, which.uid, which.resource_version)
    return Pdb(meta, PdbSpec(LabelSelector()), unreadable=True)


def _slice(which: Lost) -> EndpointSlice:
    """It lists every Pod of its namespace as serving: each drain waits as it would for endpoints that are slow."""
    return EndpointSlice(Meta(which.name, which.namespace, which.uid, which.resource_version), unreadable=True)


_STAND_INS: Final[dict[type, Callable[[Lost], Any]]] = {Pdb: _budget, EndpointSlice: _slice}


def stand_in(type: type, which: Lost) -> Any | None:
    """What stands for this object of a type; None if nothing does."""
    make = _STAND_INS.get(type)
    return make(which) if make is not None else None
