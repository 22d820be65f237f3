"""Which entries in the `disruptedPods` of a PodDisruptionBudget are ours: the API server tells, in `managedFields`.

The eviction API and the disruption controller write the same map. Whoever sets an entry, or sets it anew, manages it
from then on; who writes it back unchanged does not. So a process recognises what the leader before it has reserved, and
an eviction's entry is never taken for ours.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct, field

from inplace.core.objects import names
from inplace.core.objects.workloads import Pdb

#: Before the name of each field, and the key of each entry of a map, in `fieldsV1`.
_FIELD: Final = "f:"


class _Status(Struct, frozen=True):
    entries: dict[str, Raw] = field(name="f:disruptedPods", default_factory=dict)


class _Fields(Struct, frozen=True):
    status: _Status = field(name="f:status", default=_Status())


class _Managed(Struct, frozen=True):
    manager: str = ""
    fields: _Fields = field(name="fieldsV1", default=_Fields())


def of(pdb: Pdb) -> frozenset[str]:
    """The names under which we have entries."""
    raw = bytes(pdb.metadata.managed_fields)
    if not pdb.status.disrupted_pods or f'"{names.FIELD_MANAGER}"'.encode() not in raw:
        return frozenset()
    managed = msgspec.json.decode(raw, type=list[_Managed])
    paths = {path for one in managed if one.manager == names.FIELD_MANAGER for path in one.fields.status.entries}
    return frozenset(name for name in pdb.status.disrupted_pods if f"{_FIELD}{name}" in paths)
