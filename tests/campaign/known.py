"""Faults that are known and not mended yet, each with a story that shows it; a mend takes its row away.

A row fails the campaign when its story no longer shows the fault (tests/campaign/test_campaign.py).
"""

from __future__ import annotations

from msgspec import Struct


class Known(Struct, frozen=True):
    """A kind of fault of some workload kinds, what is wrong, and a story that shows it, as `--shrink` prints it."""

    fault: str
    workloads: tuple[str, ...]
    why: str
    story: str


_UNRECORDED = (
    "A file that is replaced (kubectl replace) takes the recorded templates of a bare ReplicaSet away in the write that"
    " changes its template; or the server refused to record one. What its Pods were made of is known no longer:"
    " they stay refused until deleted, and the reason does not say so."
)
_REPLACED = (
    '{"start":{"kind":"ReplicaSet","replicas":1,"gate":true,"mode":"InPlaceOnly","strategy":"one","settings":{},'
    '"policies":false,"tool":"replace"},'
    '"moves":[["apply","v3",1.0]],"seed":2999}'
)

KNOWN: tuple[Known, ...] = (
    Known(
        "waits/not mended: Refused BaseUnknown",
        ("ReplicaSet",),
        _UNRECORDED,
        _REPLACED,
    ),
    Known(
        "waits/no cause: Refused BaseUnknown",
        ("ReplicaSet",),
        _UNRECORDED,
        _REPLACED,
    ),
    Known(
        "waits/no cause: UpToDate DriftDetected",
        ("ReplicaSet",),
        "A Pod that a bare ReplicaSet made of a template that was never recorded, because the server refused that write"
        " and the template was changed back a second later, is taken for a drifted one of the healthy template.",
        '{"start":{"kind":"ReplicaSet","replicas":1,"gate":true,"mode":"InPlaceOnly","strategy":"one","settings":{},'
        '"policies":false,"tool":"apply"},"moves":[["image","v2",400.0],["refuse","ReplicaSets: 503",1.0],'
        '["image","v1",1.0],["delete-pod","2",0.2],["image","v2",1.0]],"seed":343}',
    ),
    Known(
        "oracle/calm: strategy",
        ("DaemonSet",),
        "An owner whose file never had a strategy sets OnDelete while we hold the DaemonSet by OnDelete: the write "
        "changes nothing but who owns the field, so that opting out leaves the RollingUpdate from before.",
        '{"start":{"kind":"DaemonSet","replicas":1,"gate":true,"mode":"InPlaceOnly","strategy":"default","settings":{},'
        '"policies":false,"tool":"apply"},"moves":[["strategy","ondelete",1.0]],"seed":418}',
    ),
    Known(
        "pods/label before swap",
        ("StatefulSet", "DaemonSet", "Deployment", "ReplicaSet"),
        "Somebody removes the record of a Pod whose image was patched and whose container has not been swapped yet:"
        " nothing else tells the old container from the new one, and the revision's label comes a moment too early.",
        '{"start":{"kind":"StatefulSet"},"moves":[["image","v2",2.3],["pod-record","1 ",60.0]]}',
    ),
)


def kinds(workload: str) -> frozenset[str]:
    """The kinds of faults that are expected of a workload kind."""
    return frozenset(one.fault for one in KNOWN if workload in one.workloads)
