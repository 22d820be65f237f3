"""After opting out no key of ours is left on any object, no managed field on the workload, and no pull Pod."""

from __future__ import annotations

from collections.abc import Iterator

from inplace.core.objects import names
from inplace.core.state import conditions
from tests.campaign.judges.verdict import Verdict
from tests.campaign.trace import Trace
from tests.scenarios.world import OURS


def judge(ours: Trace, _: Trace) -> Iterator[Verdict]:
    """Every object after the opt-out."""
    sight = ours.sight("opted out")
    if sight is None or not ours.is_mended or not ours.is_out:
        return  # another judge says so
    for one in sight.every:
        meta = one["metadata"]
        keys = {*(meta.get("labels") or {}), *(meta.get("annotations") or {})} & {*OURS, names.HELPER}
        told = {each["type"] for each in (one.get("status") or {}).get("conditions") or ()} & conditions.OURS
        what = "workload"
        if sight.workload is None or meta["uid"] != sight.workload["metadata"]["uid"]:
            what = one["kind"]
            # Kubernetes copies annotations to history, where they stay.
            keys -= {*names.REQUESTS, names.STATUS, names.ORIGINAL_STRATEGY}
        # Nobody applies Pods and history; there an entry of ours is in nobody's way.
        mine = what == "workload" and names.FIELD_MANAGER in {each["manager"] for each in meta.get("managedFields", ())}
        owned = {"a managed field"} if mine else set()
        for key in sorted(keys | told | owned):
            yield Verdict("residue", f"{what} {key}", f"{one['kind']} {meta['name']} has {key}")
