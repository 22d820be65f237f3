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


KNOWN: tuple[Known, ...] = (
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
)


def kinds(workload: str) -> frozenset[str]:
    """The kinds of faults that are expected of a workload kind."""
    return frozenset(one.fault for one in KNOWN if workload in one.workloads)
